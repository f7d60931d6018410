package dev.kerneltracer.trace;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;

/// Whatever the bytes of a gzip file, they inflate to the same text and the same faults in whatever
/// pieces the text is taken.
@Tag("fuzz")
class GzipFuzzTest {
  private static final int MOST = 1 << 20;

  @FuzzTest(maxDuration = "45s")
  void gzipDataInflateTheSameHoweverTheTextIsTaken(byte[] file) {
    assertThat(inflate(file, 997)).isEqualTo(inflate(file, MOST));
  }

  private static List<Object> inflate(byte[] file, int piece) {
    byte[] text = new byte[DeflateDecoder.HISTORY + MOST];
    int at = DeflateDecoder.HISTORY;
    List<Damage> faults = new ArrayList<>();
    try (GzipMembers members = new GzipMembers(new ByteArrayInputStream(file))) {
      while (at < text.length) {
        int read = members.read(text, at, Math.min(piece, text.length - at));
        members.faults().moveTo(faults);
        if (read < 0) {
          break;
        }
        at += read;
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return List.of(new String(text, 0, at, StandardCharsets.ISO_8859_1), faults);
  }
}
