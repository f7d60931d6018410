package dev.kerneltracer.serve;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.kerneltracer.UserException;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

class ProfileWindowTest {
  private static final Duration MINUTE = Duration.ofMinutes(1);

  @Test
  void timesTakeUnits() {
    assertThat(ProfileWindow.parse("after=30s,steps=20"))
        .isEqualTo(new ProfileWindow("", Duration.ofSeconds(30), 20, Duration.ofSeconds(30), null));
    assertThat(ProfileWindow.parse("name=burst, after=1.5m, longest=500ms, steps=5"))
        .isEqualTo(
            new ProfileWindow("burst", Duration.ofSeconds(90), 5, Duration.ofMillis(500), null));
    assertThat(ProfileWindow.parse("after=7").steps()).isEqualTo(ProfileWindow.DEFAULT_STEPS);
  }

  @Test
  void severalStandInTheOrderOfTimeAndHaveNames() {
    assertThat(
            ProfileWindow.parse(
                List.of("after=30s", "name=warm,after=5s", "after=40s,steps=3"), MINUTE))
        .extracting(ProfileWindow::name)
        .containsExactly("warm", "window2", "window3");
    assertThat(ProfileWindow.parse(List.of("after=3s"), MINUTE))
        .extracting(ProfileWindow::name)
        .containsExactly("steady");
  }

  @Test
  void whatIsNoWindowIsRefusedWithAnExample() {
    assertRefused("steps=20", "after how long");
    assertRefused("after=soon", "no time such as 30s");
    assertRefused("after=30s,steps=0", "from 1 to");
    assertRefused("after=30s,stps=2", "'stps' is none of");
    assertRefused("after=3s,after=4s", "twice");
    assertRefused("after=30s,name=a/b", "no name");
    assertRefused("after=60s", "begins after the load");
    assertThatThrownBy(
            () -> ProfileWindow.parse(List.of("name=a,after=1s", "name=a,after=2s"), MINUTE))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("two windows are named 'a'");
  }

  private static void assertRefused(String text, String why) {
    assertThatThrownBy(() -> ProfileWindow.parse(List.of(text), MINUTE))
        .isInstanceOf(UserException.class)
        .hasMessageContaining(why)
        .satisfies(e -> assertThat(((UserException) e).hint()).contains("--window after=30s"));
  }
}
