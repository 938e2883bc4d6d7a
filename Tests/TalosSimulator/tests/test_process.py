# SPDX-License-Identifier: Apache-2.0
"""The simulator as a program: what it prints, what its interface takes, and when it ends."""
import json
import os
import subprocess
import sys
import unittest
import urllib.error
import urllib.request


class ProcessTests(unittest.TestCase):
    def start(self, *arguments, **options):
        process = subprocess.Popen([sys.executable, "-B", "-m", "talos_simulator", "--delay", "0.01", *arguments],
                                   stdout=subprocess.PIPE, text=True, env=os.environ, **options)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        values = {}
        for line in process.stdout:
            key, _, value = line.strip().partition("=")
            values[key] = value
            if key == "PID":
                return process, values
        self.fail("it did not start")

    def ask(self, values, method, path, body=None):
        request = urllib.request.Request(values["CONTROL"] + path, json.dumps(body or {}).encode(), method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def test_its_interface_takes_clusters_nodes_and_faults_and_tells_what_happened(self):
        process, values = self.start("--cluster", "demo=2", "--prefix", "127.1")
        state = self.ask(values, "GET", "/state")
        self.assertEqual(sorted(state["demo"]["nodes"]), ["demo-1", "demo-2"])
        node = self.ask(values, "POST", "/clusters/demo/nodes", {"version": "v1.5.5", "name": "old"})
        self.assertEqual(node["address"], "127.1.1.3")
        rule = self.ask(values, "POST", "/faults", {"match": {"node": "old"}, "action": {"do": "hang"}})["rule"]
        self.assertEqual(self.ask(values, "GET", "/faults")[str(rule)]["matched"], 0)
        self.ask(values, "DELETE", f"/faults/{rule}")
        journal = self.ask(values, "GET", "/journal?since=0&wait=60&kind=change")
        self.assertEqual(journal["entries"][0]["what"], "stage")
        for method, path, body, code in (
                ("POST", "/faults", {"action": {"do": "nothing"}}, 400), ("GET", "/nothing", None, 404),
                ("POST", "/clusters", {"name": "demo"}, 409), ("POST", "/clusters/demo/nodes/old/power", {}, 400)):
            with self.subTest(path), self.assertRaises(urllib.error.HTTPError) as caught:
                self.ask(values, method, path, body)
            self.assertEqual(caught.exception.code, code)
            caught.exception.close()
        process.terminate()
        self.assertEqual(process.wait(60), 0)

    def test_it_ends_with_its_input_or_its_parent(self):
        process, _ = self.start("--until-input-ends", stdin=subprocess.PIPE)
        process.stdin.close()
        self.assertEqual(process.wait(60), 0)
        parent = subprocess.Popen(["sleep", "600"])
        process, _ = self.start("--parent-pid", str(parent.pid))
        parent.kill()
        parent.wait()
        self.assertEqual(process.wait(60), 0)

    def test_several_run_side_by_side(self):
        found = [self.start("--cluster", "demo=1") for _ in range(3)]
        self.assertEqual(len({values["PREFIX"] for _, values in found}), 3)


if __name__ == "__main__":
    unittest.main()
