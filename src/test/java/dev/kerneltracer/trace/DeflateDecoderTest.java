package dev.kerneltracer.trace;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Random;
import java.util.zip.DataFormatException;
import java.util.zip.Deflater;
import java.util.zip.Inflater;
import org.junit.jupiter.api.Test;

/// The JDK's own inflater (zlib) is the truth.
class DeflateDecoderTest {
  private final Random random = new Random(45);

  /// How a piece of data was inflated.
  private static final class Result {
    private final byte[] text;
    private final DeflateDecoder.State state;

    Result(byte[] text, DeflateDecoder.State state) {
      this.text = text;
      this.state = state;
    }

    byte[] text() {
      return text;
    }

    DeflateDecoder.State state() {
      return state;
    }
  }

  @Test
  void everyKindOfBlockIsInflatedWhateverThePieces() {
    for (int i = 0; i < 300; i++) {
      byte[] text = text(random.nextInt(200_000));
      byte[] data = deflate(text);

      Result result = decode(data, true);

      assertThat(result.state()).isEqualTo(DeflateDecoder.State.FINISHED);
      assertThat(result.text()).isEqualTo(text);
    }
  }

  @Test
  void dataCutAnywhereGiveWhatZlibGives() throws DataFormatException {
    byte[] text = text(60_000);
    byte[] data = deflate(text);
    for (int i = 0; i < 300; i++) {
      byte[] cut = Arrays.copyOf(data, random.nextInt(data.length));

      Result result = decode(cut, true);

      assertThat(result.state()).isEqualTo(DeflateDecoder.State.CUT);
      assertThat(result.text()).isEqualTo(zlib(cut));
    }
  }

  @Test
  void damagedDataGiveWhatZlibGivesOrMoreOfIt() {
    int refused = 0;
    for (int i = 0; i < 2000; i++) {
      byte[] data = deflate(text(20_000));
      for (int change = random.nextInt(1, 4); change > 0; change--) {
        data[random.nextInt(data.length)] = (byte) random.nextInt(256);
      }
      byte[] expected;
      boolean sound = true;
      Inflater zlib = new Inflater(true);
      byte[] room = new byte[1 << 20];
      zlib.setInput(data);
      try {
        expected = Arrays.copyOf(room, zlib.inflate(room));
      } catch (DataFormatException e) {
        sound = false;
        expected = Arrays.copyOf(room, Math.toIntExact(zlib.getBytesWritten()));
      } finally {
        zlib.end();
      }

      Result result = decode(data, random.nextBoolean());

      if (sound) {
        assertThat(result.text()).isEqualTo(expected);
        assertThat(result.state()).isNotEqualTo(DeflateDecoder.State.BAD);
      } else {
        refused++;
        assertThat(result.state()).isEqualTo(DeflateDecoder.State.BAD);
        // Both stop at the fault; zlib may not have handed out the last bytes before it.
        int common = Math.min(expected.length, result.text().length);
        assertThat(Arrays.copyOf(result.text(), common)).isEqualTo(Arrays.copyOf(expected, common));
        assertThat(result.text().length).isGreaterThanOrEqualTo(expected.length - 300);
      }
    }
    assertThat(refused).isGreaterThan(100);
  }

  /// Found by fuzzing.
  @Test
  void lengthsOfCodesNeedACompleteCode() {
    Result result = decode(HexFormat.of().parseHex("edc203000000000000"), false);

    assertThat(result.state()).isEqualTo(DeflateDecoder.State.BAD);
  }

  @Test
  void whatFollowsTheDataIsNotConsumed() {
    byte[] data = deflate(text(1000));
    byte[] input = Arrays.copyOf(data, data.length + 100);
    DeflateDecoder decoder = new DeflateDecoder();
    decoder.setInput(input, 0, data.length + 50, true);

    decoder.decode(new byte[2000], 0, 2000);

    assertThat(decoder.state()).isEqualTo(DeflateDecoder.State.FINISHED);
    assertThat(decoder.position()).isEqualTo(data.length);
    assertThat(decoder.written()).isEqualTo(1000);
  }

  /// Text with repetitions near and far, runs, and noise.
  private byte[] text(int length) {
    byte[] text = new byte[length];
    int at = 0;
    while (at < length) {
      int size = Math.min(length - at, random.nextInt(1, 400));
      switch (random.nextInt(5)) {
        case 0 -> {
          for (int i = 0; i < size; i++) {
            text[at + i] = (byte) random.nextInt(256);
          }
        }
        case 1 -> Arrays.fill(text, at, at + size, (byte) random.nextInt(256));
        default -> {
          int back = Math.min(at, random.nextInt(1, random.nextBoolean() ? 12 : 32768));
          for (int i = 0; i < size; i++) {
            text[at + i] = back == 0 ? (byte) ('a' + random.nextInt(6)) : text[at + i - back];
          }
        }
      }
      at += size;
    }
    return text;
  }

  private byte[] deflate(byte[] text) {
    Deflater deflater = new Deflater(random.nextInt(10), true);
    deflater.setStrategy(random.nextInt(3));
    deflater.setInput(text);
    deflater.finish();
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    byte[] buffer = new byte[random.nextInt(100, 50_000)];
    while (!deflater.finished()) {
      int flush = random.nextInt(10) == 0 ? Deflater.FULL_FLUSH : Deflater.NO_FLUSH;
      out.write(buffer, 0, deflater.deflate(buffer, 0, buffer.length, flush));
    }
    deflater.end();
    return out.toByteArray();
  }

  private static byte[] zlib(byte[] data) throws DataFormatException {
    Inflater inflater = new Inflater(true);
    byte[] room = new byte[1 << 20];
    inflater.setInput(data);
    int length = inflater.inflate(room);
    inflater.end();
    return Arrays.copyOf(room, length);
  }

  /// Inflates with input and room given in pieces of random size.
  private Result decode(byte[] data, boolean pieces) {
    DeflateDecoder decoder = new DeflateDecoder();
    byte[] out = new byte[1 << 20];
    byte[] input = new byte[data.length + DeflateDecoder.SLACK];
    int given = 0;
    int position = 0;
    int written = 0;
    while (written < out.length) {
      given = Math.min(data.length, given + (pieces ? random.nextInt(1, 5000) : data.length));
      System.arraycopy(data, 0, input, 0, given);
      decoder.setInput(input, position, given, given == data.length);
      int before = written;
      int room = Math.min(out.length, written + (pieces ? random.nextInt(1, 20_000) : out.length));
      written += decoder.decode(out, written, room);
      position = decoder.position();
      boolean open =
          switch (decoder.state()) {
            case HEADER, STORED, CODES -> true;
            case FINISHED, BAD, CUT -> false;
          };
      if (!open || (given == data.length && written == before && written < room)) {
        break;
      }
    }
    return new Result(Arrays.copyOf(out, written), decoder.state());
  }
}
