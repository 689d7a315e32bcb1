import pytest

from armlet.errors import UsageError
from armlet.settings import Settings


def write(folder, text):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "armlet.toml").write_text(text)


DEVICES = '[devices]\npi4 = "rpc://127.0.0.1:9090"\nhere = "host"\n'


def test_the_file_is_looked_for_upwards(tmp_path):
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    assert Settings.find(deep) == Settings({})
    write(tmp_path, DEVICES)
    assert Settings.find(deep).devices == {"pi4": "rpc://127.0.0.1:9090", "here": "host"}
    write(deep, '[devices]\npi4 = "rpc://other:1"\n')
    assert Settings.find(deep).devices == {"pi4": "rpc://other:1"}


def test_a_file_that_cannot_be_read(tmp_path):
    with pytest.raises(UsageError, match=r"^cannot read .*: Is a directory$"):
        Settings.read(tmp_path)


def test_an_empty_file_says_nothing(tmp_path):
    write(tmp_path, "")
    assert Settings.find(tmp_path).devices == {}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[devices\n", "is no TOML file: Expected ']'"),
        ('[device]\npi = "host"\n', "unknown key 'device': expected the table devices"),
        ("devices = 7\n", "devices is 7, expected a table of names and URIs"),
        ("[devices]\npi = 7\n", "devices.pi is 7, expected a URI such as ssh://pi@raspberrypi"),
        ('[devices]\npi = "raspberrypi"\n', "devices.pi is 'raspberrypi', expected a URI"),
        ('[devices]\nhost = "rpc://a:1"\n', "devices.'host' cannot be a name"),
        ('[devices]\n"rpc://a:1" = "rpc://b:1"\n', "devices.'rpc://a:1' cannot be a name"),
    ],
)
def test_an_error_names_the_file_and_the_key(tmp_path, text, complaint):
    write(tmp_path, text)
    with pytest.raises(UsageError) as error:
        Settings.find(tmp_path)
    assert str(error.value).startswith(f"{tmp_path / 'armlet.toml'}")
    assert complaint in str(error.value)
    assert "\n" not in str(error.value)
