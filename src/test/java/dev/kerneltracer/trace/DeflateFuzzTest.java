package dev.kerneltracer.trace;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.util.Arrays;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;
import org.junit.jupiter.api.Tag;

/// Against zlib: the same text, and the same judgement of the data.
@Tag("fuzz")
class DeflateFuzzTest {
  private static final int MOST = 1 << 16;

  private final byte[] expected = new byte[MOST];
  private final byte[] actual = new byte[MOST];

  @FuzzTest(maxDuration = "45s")
  void anyDataInflateAsZlibInflatesThem(byte[] data) {
    Inflater zlib = new Inflater(true);
    boolean sound = true;
    int expectedLength;
    zlib.setInput(data);
    try {
      expectedLength = zlib.inflate(expected);
    } catch (DataFormatException e) {
      sound = false;
      expectedLength = Math.toIntExact(zlib.getBytesWritten());
    }
    boolean finished = zlib.finished();
    int consumed = Math.toIntExact(zlib.getBytesRead());
    zlib.end();

    DeflateDecoder decoder = new DeflateDecoder();
    decoder.setInput(Arrays.copyOf(data, data.length + DeflateDecoder.SLACK), 0, data.length, true);
    int length = decoder.decode(actual, 0, MOST);

    int common = Math.min(length, expectedLength);
    assertThat(Arrays.mismatch(actual, 0, common, expected, 0, common)).isEqualTo(-1);
    if (length == MOST || expectedLength == MOST) {
      return; // Who looks how far ahead at the end of the room is nobody's concern.
    }
    if (sound) {
      assertThat(length).isEqualTo(expectedLength);
      assertThat(decoder.state() == DeflateDecoder.State.FINISHED).isEqualTo(finished);
      // Of data that go no further, either may say first that they are bad: the text is the same.
      if (finished) {
        assertThat(decoder.position()).isEqualTo(consumed);
      }
    } else {
      assertThat(decoder.state()).isEqualTo(DeflateDecoder.State.BAD);
    }
  }
}
