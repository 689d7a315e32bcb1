"""Records in a file: nothing lost, nothing twice, whatever ended the run that wrote them."""

import json

import pytest

from armlet.compiler.kernels import DENSE
from armlet.compiler.tuning import SHIPPED, Database, Record, Trial, known_records
from armlet.errors import InvalidArtifactError, UsageError


def dense(vectors: object) -> str:
    """Parameters of a kernel."""
    others = dict.fromkeys(("inner_loop", "llvm_cpu", "pipeline"))
    return json.dumps({"block": 0, "chunk": 0, **others, "vectors": vectors})


def record(cost: float, parameters: str = dense(2), **fields) -> Record:
    key = {"shape": "Dense", "core": "cortex-a55", "precision": "fp32", "template": DENSE.version}
    of = {"kernel": "dense", **key, "device": "sim:cortex-a55, yardstick 1"}
    return Record(Trial(**of | fields, parameters=parameters), cost)


OTHER = dense(3)


def test_what_was_added_is_there(tmp_path):
    path = tmp_path / "new" / "records.jsonl"
    database = Database.open(path)
    database.add([record(10.0)])
    database.add([record(7.5, OTHER)])
    assert [*Database.open(path)] == [*database] == [record(10.0), record(7.5, OTHER)]


def test_the_cheapest_of_the_same_trial_counts(tmp_path):
    database = Database(tmp_path / "records.jsonl")
    database.add([record(10.0), record(9.0), record(11.0)])
    assert database.record(record(0).trial) == record(9.0)
    assert [*Database.open(database.path)] == [record(9.0)]


def test_a_tidy_file_does_not_depend_on_the_order_of_what_was_found(tmp_path):
    texts = []
    for number, records in enumerate(([record(10.0), record(9.0), record(7.5, OTHER)],) * 2):
        database = Database(tmp_path / f"{number}.jsonl")
        database.add(records[:: -1 if number else 1])
        database.tidy()
        texts.append(database.path.read_text())
    assert texts[0] == texts[1]
    assert len(texts[0].splitlines()) == 2


def test_files_are_merged_by_putting_them_together(tmp_path):
    for number, records in enumerate(([record(10.0)], [record(9.0), record(7.5, OTHER)])):
        Database(tmp_path / f"{number}").add(records)
    both = tmp_path / "both"
    both.write_text((tmp_path / "1").read_text() + (tmp_path / "0").read_text())
    assert [*Database.open(both)] == [record(9.0), record(7.5, OTHER)]


def test_parameters_of_another_version_are_left_to_it(tmp_path):
    Database(tmp_path / "records.jsonl").add([record(10.0, '{"vectors": 2}', template=DENSE.version + 1)])
    assert len([*Database.open(tmp_path / "records.jsonl")]) == 1


@pytest.mark.parametrize("kept", range(1, 60, 7))
def test_a_line_cut_short_is_no_record_and_spoils_none(kept, tmp_path):
    path = tmp_path / "records.jsonl"
    path.write_text(record(10.0).line + record(7.5, OTHER).line[:kept])
    database = Database.open(path)
    assert [*database] == [record(10.0)]
    database.add([record(8.0, OTHER)])
    assert [*Database.open(path)] == [record(10.0), record(8.0, OTHER)]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("nonsense", "Expecting value"),
        ("[]", "list indices"),
        ('{"version": 2}', "a record of version 2, expected 1"),
        ('{"version": 1, "parameters": {}, "cost": 1}', "no 'kernel'"),
        (record(1.0, '{"vectors": 2}').line.strip(), "dense has the parameters vectors, block, "),
        (record(1.0, dense("2")).line.strip(), "dense has no vectors '2'"),
        (record(1.0, dense(True)).line.strip(), "dense has no vectors True"),
    ],
)
def test_what_is_no_record_is_refused(line, reason, tmp_path):
    path = tmp_path / "records.jsonl"
    path.write_text(record(10.0).line + line + "\n")
    with pytest.raises(InvalidArtifactError, match=rf"records.jsonl, line 2: .*{reason}"):
        Database.open(path)


def test_a_database_that_is_not_there(tmp_path):
    with pytest.raises(UsageError, match=r"there is no database .*: `armlet tune` makes one"):
        known_records(tmp_path / "none")


def test_what_is_no_file_of_records(tmp_path):
    with pytest.raises(UsageError, match=r"cannot read the database .*: Is a directory"):
        Database.open(tmp_path)
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\n")
    with pytest.raises(InvalidArtifactError, match=r"bytes, line 1: expected a tuning record"):
        Database.open(tmp_path / "bytes")


def test_records_beside_those_shipped(tmp_path):
    Database(tmp_path / "records.jsonl").add([record(10.0)])
    assert known_records(tmp_path / "records.jsonl") == [*Database.open(SHIPPED), record(10.0)]


def test_what_is_forgotten_is_gone_from_the_file(tmp_path):
    database = Database(tmp_path / "records.jsonl")
    database.add([record(7.5, OTHER), record(10.0)])
    database.forget([record(0, OTHER).trial, record(0, dense(4)).trial])
    assert [*Database.open(database.path)] == [*database] == [record(10.0)]
