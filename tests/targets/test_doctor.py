import shutil

import pytest

from armlet.targets.doctor import diagnose
from armlet.targets.qemu import INSTALL_PLUGINS
from armlet.targets.tvm_runtime import pinned_versions


def findings():
    return {finding.name: finding for finding in diagnose()}


def test_the_pinned_packages_are_found():
    found = findings()
    for name, version in pinned_versions().items():
        assert found[name].found == version
        assert found[name].remedy == f"`pip install {name}=={version}`"


def test_a_pinned_package_that_is_absent_or_of_another_version_is_missing(monkeypatch):
    pins = {"apache-tvm": "0.0.1", "armlet-needs-nothing-like-this": "1.2.3"}
    monkeypatch.setattr("armlet.targets.doctor.pinned_versions", lambda: pins)
    found = findings()
    assert {name: found[name].found for name in pins} == dict.fromkeys(pins)
    assert found["apache-tvm"].remedy == "`pip install apache-tvm==0.0.1`"


def test_an_empty_machine_is_told_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("ARMLET_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("ANDROID_NDK_HOME", raising=False)
    missing = {name: finding.remedy for name, finding in findings().items() if not finding.found}
    assert missing.items() >= {
        ("host-cc", "`apt-get install g++`"),
        ("gnu", "`apt-get install g++-aarch64-linux-gnu`"),
        ("ndk", "set ANDROID_NDK_HOME to the folder of an Android NDK"),
        ("qemu-aarch64", "`apt-get install qemu-user`"),
        ("qemu's plugins", INSTALL_PLUGINS),
        ("ssh", "`apt-get install openssh-client`"),
        ("adb", "`apt-get install adb`"),
        ("TVM's ARM64 runtime", "the first use downloads it (95 MB)"),
        ("llvm-mca", "`apt-get install llvm-22`"),
    }


@pytest.mark.skipif(not shutil.which("qemu-aarch64"), reason="`apt-get install qemu-user`")
def test_a_program_is_found_with_its_version():
    assert findings()["qemu-aarch64"].found.startswith("qemu-aarch64 version ")


@pytest.mark.parametrize(("version", "found"), [("14.0.6", None), ("22.1.0", "LLVM 22.1.0")])
def test_an_old_llvm_mca_will_not_do(monkeypatch, tmp_path, version, found):
    program = tmp_path / "llvm-mca"
    program.write_text(f"#!/bin/sh\necho Debian LLVM version {version}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert findings()["llvm-mca"].found == found
