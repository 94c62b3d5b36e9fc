"""A real Flink on loopback: JobManager, TaskManager and a SQL submitter, straight from the jars of PyPI's package."""

import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.request
import zipfile
from pathlib import Path

VERSION = "2.3.0"
EXPORTS = ["java.base/sun.net.util", "java.rmi/sun.rmi.registry", "java.security.jgss/sun.security.krb5"]
OPENS = [
    "java.base/java.lang", "java.base/java.net", "java.base/java.io", "java.base/java.nio", "java.base/sun.nio.ch",
    "java.base/java.lang.reflect", "java.base/java.text", "java.base/java.time", "java.base/java.util",
    "java.base/java.util.concurrent", "java.base/java.util.concurrent.atomic", "java.base/java.util.concurrent.locks",
]
LOGGING = """
rootLogger.level = WARN
rootLogger.appenderRef.out.ref = out
appender.out.name = out
appender.out.type = CONSOLE
appender.out.target = SYSTEM_ERR
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %p %c %m%n
"""
JAVA = ["java"]
JAVA += [f"--add-exports={package}=ALL-UNNAMED" for package in EXPORTS]
JAVA += [f"--add-opens={package}=ALL-UNNAMED" for package in OPENS]


POM = """<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>sloth</groupId><artifactId>flink-with-parquet</artifactId><version>1</version>
  <dependencies><!-- --></dependencies>
</project>
"""
DEPENDENCY = """<dependency><groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version>
  <exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion></exclusions></dependency>"""
PARQUET = [
    ("org.apache.flink", "flink-sql-parquet", VERSION),
    ("org.apache.hadoop", "hadoop-client-api", "3.3.6"),
    ("org.apache.hadoop", "hadoop-client-runtime", "3.3.6"),
    ("commons-logging", "commons-logging", "1.3.4"),
]


def install(cache, python):
    """Gets the jars once; returns the folder of Flink's lib."""
    home = Path(cache) / f"flink-{VERSION}"
    if not (home / "complete").exists():
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir(parents=True)
        download = ["-m", "pip", "download", "-q", "--no-deps", "-d", str(home), f"apache-flink-libraries=={VERSION}"]
        subprocess.run([python, *download], check=True)
        for archive in home.glob("*.whl"):
            zipfile.ZipFile(archive).extractall(home)
            archive.unlink()
        (home / "complete").touch()
    lib = home / "pyflink" / "lib"
    if not (home / "with-parquet").exists():
        # Its Parquet format comes apart, and wants Hadoop's classes.
        (home / "pom.xml").write_text(POM.replace("<!-- -->", "".join(DEPENDENCY.format(*jar) for jar in PARQUET)))
        copy = ["mvn", "-q", "-B", "-f", str(home / "pom.xml"), "dependency:copy-dependencies", f"-DoutputDirectory={lib}"]
        subprocess.run(copy, check=True)
        (home / "with-parquet").touch()
    return lib


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def config(folder, rest, rpc, slots):
    return {
        "jobmanager.rpc.address": "127.0.0.1",
        "jobmanager.rpc.port": rpc,
        "jobmanager.bind-host": "127.0.0.1",
        "rest.address": "127.0.0.1",
        "rest.bind-address": "127.0.0.1",
        "rest.port": rest,
        "taskmanager.host": "127.0.0.1",
        "taskmanager.bind-host": "127.0.0.1",
        "taskmanager.numberOfTaskSlots": slots,
        "parallelism.default": slots,
        "pipeline.object-reuse": "true",
        "io.tmp.dirs": folder,
        # What Flink's own start script works out for a TaskManager of about 4 GB.
        "taskmanager.cpu.cores": slots,
        "taskmanager.memory.task.heap.size": "2g",
        "taskmanager.memory.task.off-heap.size": "0",
        "taskmanager.memory.managed.size": "512m",
        "taskmanager.memory.network.min": "256m",
        "taskmanager.memory.network.max": "256m",
        "taskmanager.memory.framework.heap.size": "128m",
        "taskmanager.memory.framework.off-heap.size": "128m",
        "taskmanager.memory.jvm-metaspace.size": "256m",
        "taskmanager.memory.jvm-overhead.min": "384m",
        "taskmanager.memory.jvm-overhead.max": "384m",
    }


class Flink:
    """A cluster that answers requests."""

    name = "flink"

    def __init__(self, cache, python, slots):
        lib = install(cache, python)
        self.folder = tempfile.mkdtemp(prefix="sloth-flink-")
        self.rest = free_port()
        settings = config(self.folder, self.rest, free_port(), slots)
        text = "".join(f"{key}: {value}\n" for key, value in settings.items())
        (Path(self.folder) / "config.yaml").write_text(text)
        (Path(self.folder) / "log4j2.properties").write_text(LOGGING)
        self.lib = lib
        self.processes = []
        logging = f"-Dlog4j2.configurationFile={self.folder}/log4j2.properties"
        runtime = "org.apache.flink.runtime."
        config_dir = ["--configDir", self.folder]
        heap = ["-Xmx1g"]
        self.start("jobmanager", [*heap, logging], runtime + "entrypoint.StandaloneSessionClusterEntrypoint", config_dir)
        # Its heap is what the configuration says: task and framework.
        heap = ["-Xms2176m", "-Xmx2176m", "-XX:MaxDirectMemorySize=512m", "-XX:+UseG1GC"]
        self.start("taskmanager", [*heap, logging], runtime + "taskexecutor.TaskManagerRunner", config_dir)
        self.wait_for_slots(slots)
        source = Path(__file__).with_name("FlinkSql.java")
        command = [*JAVA, "-Xmx1g", logging, "-cp", f"{lib}/*", str(source), "127.0.0.1", str(self.rest), str(slots)]
        self.submitter = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.read()

    def start(self, name, options, main, arguments):
        log = open(Path(self.folder) / f"{name}.log", "w")
        command = [*JAVA, *options, "-cp", f"{self.lib}/*", main, *arguments]
        self.processes.append(subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT))

    def wait_for_slots(self, slots):
        for _ in range(600):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.rest}/overview", timeout=2) as reply:
                    if json.load(reply)["slots-total"] >= slots:
                        return
            except OSError:
                pass
            if any(process.poll() is not None for process in self.processes):
                break
            time.sleep(0.2)
        logs = "\n".join(path.read_text()[-2000:] for path in Path(self.folder).glob("*.log"))
        self.close()
        raise RuntimeError(f"Flink did not start:\n{logs}")

    def read(self):
        line = self.submitter.stdout.readline()
        if not line:
            raise RuntimeError("Flink's submitter has ended")
        reply = json.loads(line)
        if "error" in reply:
            raise RuntimeError(f"flink: {reply['error']}")
        return reply

    def cpu(self):
        """Processor seconds of JobManager and TaskManager so far."""
        ticks = 0
        for process in self.processes:
            fields = Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def memory(self):
        """Resident memory of both at their peaks, in MB."""
        total = 0
        for process in self.processes:
            for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
                if line.startswith("VmHWM:"):
                    total += int(line.split()[1]) / 1024
        return total

    def ask(self, run):
        used = self.cpu()
        self.submitter.stdin.write(json.dumps({"run": run}) + "\n")
        self.submitter.stdin.flush()
        reply = self.read()
        figures = {**reply, "cpu": self.cpu() - used, "memory": self.memory()}
        self.settle()
        return figures

    def submit(self, sql):
        """Starts a job; its name."""
        self.submitter.stdin.write(json.dumps({"submit": sql}) + "\n")
        self.submitter.stdin.flush()
        return self.read()["job"]

    def settle(self):
        """Waits until the JVMs are at rest: their compilers and collectors go on after a job, and the next side must not
        pay for them."""
        for _ in range(50):
            used = self.cpu()
            time.sleep(0.1)
            if self.cpu() - used < 0.02:
                break

    def close(self):
        for process in [getattr(self, "submitter", None), *self.processes]:
            if process and process.poll() is None:
                process.terminate()
                try:
                    process.wait(timeout=20)
                except subprocess.TimeoutExpired:
                    process.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
