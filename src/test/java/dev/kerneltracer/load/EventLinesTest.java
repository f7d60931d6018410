package dev.kerneltracer.load;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.kerneltracer.load.RequestResult.Status;
import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;

/// Answers however they were framed, and however the network cut them.
class EventLinesTest {
  private static final List<String> MESSAGES =
      List.of("{\"text\":\"grüß 你好 🙂\"}", "{\"text\":\"b\"}", "[DONE]");

  /// A socket that hands out its bytes in given pieces.
  private static final class Pieces extends Socket {
    private final byte[] bytes;
    private final int[] ends;
    private final ByteArrayOutputStream sent = new ByteArrayOutputStream();

    Pieces(byte[] bytes, int... ends) {
      this.bytes = bytes;
      this.ends = ends;
    }

    @Override
    public InputStream getInputStream() {
      return new InputStream() {
        private int at;

        @Override
        public int read() {
          throw new UnsupportedOperationException("byte by byte is too slow");
        }

        @Override
        public int read(byte[] target, int offset, int most) {
          if (at == bytes.length) {
            return -1;
          }
          int end = bytes.length;
          for (int cut : ends) {
            if (cut > at) {
              end = Math.min(end, cut);
            }
          }
          int count = Math.min(most, end - at);
          System.arraycopy(bytes, at, target, offset, count);
          at += count;
          return count;
        }
      };
    }

    @Override
    public OutputStream getOutputStream() {
      return sent;
    }
  }

  private static List<String> messages(Socket socket) throws Exception {
    HttpConnection connection = new HttpConnection(socket, socket);
    connection.send(new byte[0], new byte[0]);
    HttpConnection.Head head = Objects.requireNonNull(connection.readHead());
    assertThat(head.status()).isEqualTo(200);
    EventLines lines = new EventLines(connection);
    List<String> messages = new ArrayList<>();
    while (lines.next()) {
      messages.add(new String(lines.bytes(), lines.at(), lines.length(), StandardCharsets.UTF_8));
    }
    return messages;
  }

  private static String chunkedStream(String end) {
    StringBuilder stream = new StringBuilder(StubServer.STREAM);
    stream.append("Transfer-Encoding: chunked\r\n\r\n");
    stream.append(StubServer.chunked(": a comment that keeps it alive" + end + end));
    for (String message : MESSAGES) {
      stream.append(StubServer.chunked("id: 3" + end + "data: " + message + end + end));
    }
    return stream + "0\r\n\r\n";
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  @Test
  void anyCutOfTheBytesReadsTheSame() throws Exception {
    for (String end : List.of("\n", "\r\n", "\r")) {
      byte[] stream = bytes(chunkedStream(end));
      int[] everywhere = new int[stream.length];
      for (int cut = 1; cut < stream.length; cut++) {
        everywhere[cut] = cut;
        assertThat(messages(new Pieces(stream, cut))).as("cut at %d", cut).isEqualTo(MESSAGES);
      }
      assertThat(messages(new Pieces(stream, everywhere))).isEqualTo(MESSAGES);
    }
  }

  @Test
  void chunksNeedNotBeLines() throws Exception {
    byte[] events = bytes(StubServer.data(MESSAGES.getFirst()) + StubServer.data("[DONE]"));
    for (int size = 1; size <= events.length; size++) {
      ByteArrayOutputStream stream = new ByteArrayOutputStream();
      stream.write(bytes(StubServer.STREAM + "transfer-encoding:Chunked\r\n\r\n"));
      for (int at = 0; at < events.length; at += size) {
        int count = Math.min(size, events.length - at);
        stream.write(bytes(Integer.toHexString(count) + ";name=value\r\n"));
        stream.write(events, at, count);
        stream.write(bytes("\r\n"));
      }
      stream.write(bytes("0\r\nTrailer: some\r\n\r\n"));
      assertThat(messages(new Pieces(stream.toByteArray())))
          .as("chunks of %d bytes", size)
          .containsExactly(MESSAGES.getFirst(), "[DONE]");
    }
  }

  @Test
  void bodiesEndByLengthOrWithTheConnection() throws Exception {
    String events = StubServer.data(MESSAGES.getFirst()) + "data:[DONE]\n\n";
    String byLength =
        StubServer.STREAM + "Content-Length: " + bytes(events).length + "\r\n\r\n" + events;

    assertThat(messages(new Pieces(bytes(byLength + "data: no more\n\n"))))
        .containsExactly(MESSAGES.getFirst(), "[DONE]");
    assertThat(messages(new Pieces(bytes(StubServer.STREAM + "\r\n" + events))))
        .containsExactly(MESSAGES.getFirst(), "[DONE]");
  }

  @Test
  void informationalAnswersArePassedOver() throws Exception {
    String early = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </>\r\n\r\n";

    assertThat(messages(new Pieces(bytes(early + chunkedStream("\n"))))).isEqualTo(MESSAGES);
  }

  @Test
  void whatIsNoHttpIsSaid() {
    for (String answer :
        List.of(
            "SSH-2.0-OpenSSH_9.2\r\n",
            "HTTP/1.1 okay\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
            StubServer.STREAM + "Transfer-Encoding: chunked\r\n\r\nxyz\r\n",
            StubServer.STREAM + "Transfer-Encoding: chunked\r\n\r\n2\r\nabcd\r\n0\r\n\r\n")) {
      assertThatThrownBy(() -> messages(new Pieces(bytes(answer))))
          .as(answer)
          .isInstanceOfSatisfying(
              HttpFailure.class, e -> assertThat(e.status()).isEqualTo(Status.ERROR));
    }
  }

  @Test
  void anAnswerThatIsCutOffIsNotTakenForAWholeOne() {
    String stream = chunkedStream("\n");
    int bodyAt = stream.indexOf("\r\n\r\n") + 4;
    for (int length = 1; length < bytes(stream).length - 4; length++) {
      byte[] part = Arrays.copyOf(bytes(stream), length);
      assertThatThrownBy(() -> messages(new Pieces(part)))
          .as("the first %d bytes, of which %d are head", length, bodyAt)
          .isInstanceOfSatisfying(
              HttpFailure.class, e -> assertThat(e.status()).isEqualTo(Status.CUT));
    }
  }
}
