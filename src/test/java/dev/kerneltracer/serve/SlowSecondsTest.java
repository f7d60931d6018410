package dev.kerneltracer.serve;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kerneltracer.load.RequestResult;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class SlowSecondsTest {
  private static final long MS = 1_000_000L;

  @Test
  void theSlowestSecondStandsBesideTheServersState() {
    SlowSeconds seconds = new SlowSeconds();
    List<Long> tokens = new ArrayList<>();
    // Ten seconds of a token each 100 ms, but each 400 ms in the sixth.
    long time = 50 * MS;
    while (time < 10_000 * MS) {
      tokens.add(time);
      time += time >= 5_000 * MS && time < 6_000 * MS ? 400 * MS : 100 * MS;
    }
    seconds.add(result(tokens));
    List<ServerState> states = new ArrayList<>();
    for (int second = 0; second < 10; second++) {
      states.add(
          new ServerState(
              second * (1000 * MS) + MS,
              MS,
              1,
              second == 5 ? 7 : 0,
              0.2,
              second > 4 ? 3 : 0,
              0,
              0,
              second * 5,
              second * 10,
              second * 10,
              0));
    }

    List<SlowSeconds.Row> rows = seconds.worst(2, states, List.of());

    assertThat(rows.getFirst().second()).isEqualTo(5);
    assertThat(rows.getFirst().meanGapNs()).isGreaterThan(250 * MS);
    assertThat(rows.getFirst().cause()).isEqualTo("3 preemptions, 7 waiting");
    assertThat(rows.getFirst().slowness()).isGreaterThan(2);
    assertThat(rows).hasSize(2);
  }

  @Test
  void aTraceThatIsWrittenIsACause() {
    SlowSeconds seconds = new SlowSeconds();
    seconds.add(result(List.of(100 * MS, 200 * MS, 300 * MS, 2_800 * MS, 2_900 * MS, 2_950 * MS)));
    WindowResult window =
        new WindowResult(
            new ProfileWindow("steady", Duration.ZERO, 5, Duration.ofSeconds(9), null),
            310 * MS,
            400 * MS,
            2_700 * MS,
            5,
            1,
            WindowResult.Outcome.RECORDED,
            "",
            List.of());

    List<SlowSeconds.Row> rows = seconds.worst(1, List.of(), List.of(window));

    assertThat(rows.getFirst().second()).isEqualTo(2);
    assertThat(rows.getFirst().cause()).isEqualTo("the profiler wrote 'steady'");
    assertThat(rows.getFirst().server()).isNull();
  }

  private static RequestResult result(List<Long> tokens) {
    return new RequestResult(
        0,
        "chat",
        0,
        0,
        tokens.getFirst(),
        tokens,
        tokens.getLast(),
        4,
        tokens.size(),
        RequestResult.Status.OK,
        null);
  }
}
