package dev.kerneltracer.live;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// What happens to a reader when something else goes wrong.
class WatchedSessionTest {
  @TempDir private Path directory;

  @Test
  void aSessionThatIsNotThereYetIsWaitedFor() throws IOException {
    Path path = directory.resolve("session");
    try (WatchedSession session = new WatchedSession(path, true, 100)) {
      session.update();
      assertThat(session.hasBegun()).isFalse();
      assertThat(session.isOver()).isFalse();
      assertThat(session.problems()).isEmpty();

      EventLines.server(path).step(1, 2, 0, 10, 1000).flush();
      session.update();
      assertThat(session.hasBegun()).isTrue();
      assertThat(session.state().engines().iterator().next().running()).isEqualTo(2);
    }
    assertThat(path.resolve("kv_cache_usage.csv")).exists();
  }

  @Test
  void processesThatAppearLaterAreFollowedToo() {
    EventLines first = EventLines.server(directory.resolve("session"));
    try (WatchedSession session = new WatchedSession(first.session(), false, 100)) {
      session.update();
      EventLines second = EventLines.process(first.session(), 12).hello();
      second.worker(0, 1, "cuda:1").replay(1, 3, 4).flush();
      session.update();
      assertThat(session.state().workers()).hasSize(2);
    }
  }

  @Test
  void aSessionIsOverWhenEveryProcessHasEnded() throws IOException {
    EventLines server = EventLines.server(directory.resolve("session"));
    EventLines other = EventLines.process(server.session(), 12).hello().flush();
    try (WatchedSession session = new WatchedSession(server.session(), false, 100)) {
      server.bye(5).flush();
      session.update();
      assertThat(session.isOver()).isFalse();

      // The other was killed: its host is not ours, and it has written nothing for long.
      Files.setLastModifiedTime(
          other.file(), java.nio.file.attribute.FileTime.fromMillis(1_000_000));
      session.update();
      assertThat(session.isOver()).isTrue();
    }
  }

  @Test
  void aLivingProcessIsNotOverHoweverSilent() throws IOException {
    Path path = directory.resolve("session");
    EventLines.begin(path);
    String host = Files.readString(Path.of("/proc/sys/kernel/hostname")).strip();
    long pid = ProcessHandle.current().pid();
    EventLines server = EventLines.process(path, pid);
    server.line(
        "hello",
        0,
        "'wall_ns':"
            + System.currentTimeMillis() * 1_000_000
            + ",'pid':"
            + pid
            + ",'host':'"
            + host
            + "'");
    server.flush();
    EventLines reused = EventLines.process(path, 12);
    reused
        .line("hello", 0, "'wall_ns':1000,'pid':" + pid + ",'host':'" + host + "'")
        .bye(1)
        .flush();
    Files.setLastModifiedTime(
        server.file(), java.nio.file.attribute.FileTime.fromMillis(1_000_000));
    try (WatchedSession session = new WatchedSession(path, false, 100)) {
      session.update();
      assertThat(session.isOver()).isFalse();
      assertThat(session.state().process("process-" + pid + ".jsonl").isAlive()).isTrue();
      // A process of that number is here, but it is younger than the one that said hello.
      assertThat(session.state().process("process-12.jsonl").isAlive()).isFalse();
    }
  }

  @Test
  void aFolderThatIsDeletedUnderTheReaderIsSaid() throws IOException {
    EventLines server = EventLines.server(directory.resolve("session"));
    server.step(1, 2, 0, 10, 1000).flush();
    WatchedSession session = new WatchedSession(server.session(), true, 100);
    session.update();
    try (Stream<Path> files = Files.walk(server.session())) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
    session.update();
    assertThat(session.isOver()).isTrue();
    assertThat(session.problems()).singleElement().asString().contains("directory was removed");
    session.close();
    assertThat(session.state().engines().iterator().next().steps()).isEqualTo(1);
    assertThat(server.session()).doesNotExist();
  }

  @Test
  void ofTwoReadersOneWritesTheTablesAndBothShow() throws IOException {
    EventLines server = EventLines.server(directory.resolve("session"));
    server.step(1, 2, 0, 10, 1000).flush();
    try (WatchedSession first = new WatchedSession(server.session(), true, 100)) {
      first.update();
      assertThat(first.writesTables()).isTrue();
      try (WatchedSession second = new WatchedSession(server.session(), true, 100)) {
        second.update();
        assertThat(second.writesTables()).isFalse();
        assertThat(second.state().events()).isEqualTo(first.state().events());
        assertThat(second.problems()).singleElement().asString().contains("another kerneltracer");
      }
      assertThat(server.session().resolve("kv_cache_summary.txt")).doesNotExist();
    }
    assertThat(server.session().resolve("kv_cache_summary.txt")).exists();
  }

  @Test
  void aReaderThatCameToAnEndIsFollowedByOneThatMakesAllTablesAnew() throws IOException {
    EventLines server = EventLines.server(directory.resolve("session"));
    server.step(1, 2, 0, 10, 1000).evict(1, 2, 1).flush();
    WatchedSession killed = new WatchedSession(server.session(), true, 100);
    killed.update();
    // A kill leaves the tables as they are and gives the claim back; closing would finish them.
    Files.writeString(server.session().resolve("kv_cache_evictions.csv"), "timestamp_sec,life");
    Files.delete(server.session().resolve(".reader"));
    server.evict(3, 2, 1).bye(4).flush();
    try (WatchedSession next = new WatchedSession(server.session(), true, 100)) {
      next.update();
    }
    assertThat(Files.readAllLines(server.session().resolve("kv_cache_evictions.csv")))
        .containsExactly(
            "timestamp_sec,lifetime_sec,idle_sec,block",
            "1.000000,2.000000,1.000000,7",
            "3.000000,2.000000,1.000000,7");
  }

  @Test
  void theProbesOwnTablesAreLeftToIt() throws IOException {
    EventLines server = EventLines.server(directory.resolve("session"));
    Path start = server.session().resolve("session.json");
    Files.writeString(start, Files.readString(start).replace("false", "true"));
    try (WatchedSession session = new WatchedSession(server.session(), true, 100)) {
      session.update();
      assertThat(session.problems()).singleElement().asString().contains("itself");
    }
    try (Stream<Path> files = Files.list(server.session())) {
      assertThat(files.map(file -> file.getFileName().toString()))
          .containsExactlyInAnyOrder("events", "session.json");
    }
  }

  @Test
  void tablesOfWhichOlderEventsMayBeGoneAreKept() throws IOException {
    EventLines server = EventLines.server(directory.resolve("session"));
    server.step(1, 2, 0, 10, 1000).flush();
    new WatchedSession(server.session(), true, 100).close();
    String before = Files.readString(server.session().resolve("kv_cache_usage.csv"));
    Files.move(server.file(), server.session().resolve("events/process-11.1.jsonl"));
    server.hello().step(99, 2, 0, 10, 1000).flush();
    try (WatchedSession session = new WatchedSession(server.session(), true, 100)) {
      session.update();
      assertThat(session.problems()).singleElement().asString().contains("left as they are");
    }
    assertThat(server.session().resolve("kv_cache_usage.csv")).hasContent(before);
  }

  @Test
  void whatTheProbeDroppedIsCounted() {
    EventLines server = EventLines.server(directory.resolve("session"));
    server.line("dropped", 1, "'count':7,'total':7,'why':'queue_full'");
    server.line("dropped", 2, "'count':3,'total':10,'why':'write_failed'");
    server.line("dropped", 3, "'count':500,'total':500,'why':'file_full'");
    assertThat(server.read().state().lost()).isEqualTo(510);
  }

  @Test
  void linesOfRemovedFilesThatWereReadInTimeAreNotLost() throws IOException {
    EventLines server = EventLines.server(directory.resolve("session"));
    try (WatchedSession session = new WatchedSession(server.session(), false, 100)) {
      for (int change = 0; change < 3; change++) {
        for (int i = 0; i < 100; i++) {
          server.step(change + i * 0.001, 2, 0, 10, 1000);
        }
        server.flush();
        session.update();
        Path aside = server.session().resolve("events/process-11.1.jsonl");
        Files.deleteIfExists(aside);
        Files.move(server.file(), aside);
        server.hello();
        if (change > 0) {
          server.line(
              "dropped", change, "'count':100,'total':" + 100 * change + ",'why':'file_full'");
        }
        server.flush();
        session.update();
      }
      assertThat(session.state().lost()).isZero();
      assertThat(session.state().engines().iterator().next().steps()).isEqualTo(300);
    }
  }

  @Test
  void garbageAndUnknownEventsDoNoHarm() {
    EventLines server = EventLines.server(directory.resolve("session"));
    server.raw("\u0000\u0001{]\n").line("hologram", 1, "'x':[{'y':null}]");
    server.line("step", 1, "'running':'many','kv_used_blocks':{},'step_ns':-5");
    server.line("moe", 1, "'layer_index':99999999999,'counts':'none'");
    server.line("capture", 1, "'descriptor':7").line("forward", 1, "'mode':null");
    server.line("request", 1, "'state':'ascended'").raw("{\"event\":\"step\",\"t\":");
    WatchedSession session = server.read();
    assertThat(session.badLines()).isEqualTo(1);
    assertThat(session.cutFiles()).isEqualTo(1);
    assertThat(Advice.of(session.state())).isEmpty();
    assertThat(MetricsPage.of(List.of(session))).contains("kerneltracer_lines_unreadable_total");
  }

  @Test
  void ratesAreOfTheLastWholeSeconds() {
    EventLines server = EventLines.server(directory.resolve("session"));
    for (int i = 0; i < 100; i++) {
      server.step(0.5 + i * 0.1, 4, 0, 10, 1000);
    }
    EngineState engine = server.read().state().engines().iterator().next();
    WatchedSession session = server.read();
    assertThat(engine.decodeTokensPerSecond(session.state().nowT())).isEqualTo(40.0);
    assertThat(engine.prefillTokensPerSecond(session.state().nowT())).isZero();
  }
}
