"""devices, doctor."""

import json

from .process import armlet


def test_devices_and_doctor():
    listed = {device["uri"]: device for device in json.loads(armlet("devices", "--json").stdout)["devices"]}
    assert {"host", "emulated:cortex-a53", "emulated:cortex-a76"} <= listed.keys()
    assert listed["host"].keys() == {"name", "uri", "available", "note", "board", "unfit"}
    assert len(listed["host"]["board"]["cpus"]) >= 1
    assert listed["emulated:cortex-a53"]["board"] is None
    findings = json.loads(armlet("doctor", "--json").stdout)["findings"]
    found = {finding["name"]: finding["found"] for finding in findings}
    assert found["apache-tvm"] == "0.27.0.post1"
    assert all(finding["remedy"] for finding in findings)
    assert "apache-tvm-ffi" in armlet("doctor").stdout
