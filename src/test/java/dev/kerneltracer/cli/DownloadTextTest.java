package dev.kerneltracer.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kerneltracer.model.DownloadProgress;
import org.junit.jupiter.api.Test;

class DownloadTextTest {
  private static final long MIB = 1 << 20;

  @Test
  void bytesRateAndTheTimeLeftAreShown() {
    assertThat(text(3, 12, 1024 * MIB, 2048 * MIB, 8 * MIB, ""))
        .isEqualTo("3/12 files, 1.00 GiB of 2.00 GiB, 8.00 MiB/s, about 2:08 left");
  }

  @Test
  void withoutARateNoTimeIsPromised() {
    assertThat(text(3, 12, 1024 * MIB, 2048 * MIB, 0, "waiting"))
        .isEqualTo("3/12 files, 1.00 GiB of 2.00 GiB; waiting");
    assertThat(text(0, 0, 0, 0, 0, "cannot reach it")).isEqualTo("cannot reach it");
    assertThat(text(12, 12, MIB, MIB, MIB, "")).isEqualTo("12/12 files, 1.00 MiB of 1.00 MiB");
  }

  private static String text(
      int done, int files, long bytesDone, long bytes, long rate, String note) {
    return DownloadText.text(new DownloadProgress(files, done, bytes, bytesDone, rate, note));
  }
}
