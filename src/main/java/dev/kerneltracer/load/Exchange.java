package dev.kerneltracer.load;

import dev.kerneltracer.load.RequestResult.Status;
import java.io.IOException;
import java.math.BigDecimal;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// One request and its answer. Runs on a thread of its own; [#end] stops it from any other.
final class Exchange {
  private static final int MOST_ERROR_BYTES = 1 << 12;

  /// So long an answer's end is waited for after its last message.
  private static final long MOST_AFTER_END_NS = Duration.ofSeconds(1).toNanos();

  private static final byte[] DONE = "[DONE]".getBytes(StandardCharsets.US_ASCII);

  private final PlannedRequest request;
  private final Target target;
  private final Connections connections;
  private final LoadListener listener;
  private final long zeroNanoTime;
  private final long intendedStartNs;
  private final TokenTimes tokenTimes = new TokenTimes();
  private final Frame frame = new Frame();

  private volatile long startNanoTime;
  private volatile @Nullable HttpConnection answering;
  private volatile boolean done;
  private volatile @Nullable HttpFailure ended;

  /// Held under this object's lock, so that nobody ends a connection that others use again.
  private @Nullable Socket socket;

  private long lastByteNanoTime;

  private int promptTokens;
  private int serverTokens = -1;
  private boolean finished;

  /// @param intendedStartNs -1 where it is sent as soon as can be: its own start then
  Exchange(
      PlannedRequest request,
      Target target,
      Connections connections,
      LoadListener listener,
      long zeroNanoTime,
      long intendedStartNs) {
    this.request = request;
    this.target = target;
    this.connections = connections;
    this.listener = listener;
    this.zeroNanoTime = zeroNanoTime;
    this.intendedStartNs = intendedStartNs;
    this.promptTokens = request.promptTokens();
  }

  /// Sends it and reads the answer to its end, good or bad.
  RequestResult run(byte[] head, byte[] body) {
    startNanoTime = System.nanoTime();
    Status status = Status.OK;
    String error = null;
    try {
      answer(head, body);
    } catch (HttpFailure | IOException e) {
      // Whatever happens to a connection after all has come is no matter of the request.
      if (!done) {
        HttpFailure reason = reason(e);
        status = reason.status();
        error = reason.reason();
      }
    }
    long endNanoTime = System.nanoTime();
    long start = startNanoTime - zeroNanoTime;
    return new RequestResult(
        request.id(),
        request.requestClass(),
        intendedStartNs < 0 ? start : intendedStartNs,
        start,
        tokenTimes.isEmpty() ? -1 : tokenTimes.getFirst(),
        tokenTimes,
        status == Status.OK && done ? lastByteNanoTime - zeroNanoTime : endNanoTime - zeroNanoTime,
        promptTokens,
        serverTokens >= 0 ? serverTokens : tokenTimes.size(),
        status,
        error);
  }

  private HttpFailure reason(Exception e) {
    HttpFailure reason = ended;
    if (reason != null) {
      return reason;
    }
    return e instanceof HttpFailure failure
        ? failure
        : new HttpFailure(
            Status.CUT, "the connection broke off: " + Connections.message((IOException) e));
  }

  /// How late it was set about.
  long lateNs() {
    return Math.max(0, startNanoTime - zeroNanoTime - intendedStartNs);
  }

  /// Ends it where it has taken too long.
  void endIfOverdue(long nowNanoTime) {
    long start = startNanoTime;
    if (start == 0) {
      return;
    }
    HttpConnection connection = answering;
    long silentNs = connection == null ? 0 : nowNanoTime - connection.readAtNanoTime();
    if (nowNanoTime - start > target.requestTimeout().toNanos()) {
      end(Status.TIMEOUT, "not at its end after " + seconds(target.requestTimeout()));
    } else if (silentNs > (done ? MOST_AFTER_END_NS : target.stallTimeout().toNanos())) {
      end(Status.TIMEOUT, "silent for " + seconds(target.stallTimeout()));
    }
  }

  synchronized void end(Status status, String reason) {
    if (ended == null) {
      ended = new HttpFailure(status, reason);
    }
    if (socket != null) {
      close(socket);
    }
  }

  private static void close(Socket socket) {
    try {
      socket.close();
    } catch (IOException e) {
      // Its thread hears of it either way.
    }
  }

  private void answer(byte[] head, byte[] body) throws IOException, HttpFailure {
    HttpConnection idle = connections.idle();
    if (idle != null && isAnswered(idle, head, body)) {
      return;
    }
    // None was free, or the server had closed it meanwhile: no byte of an answer came.
    if (!isAnswered(connections.connect(this::opened), head, body)) {
      throw new HttpFailure(Status.CUT, "the server closed the connection without an answer");
    }
  }

  /// False where the connection ends before a byte of an answer.
  private boolean isAnswered(HttpConnection connection, byte[] head, byte[] body)
      throws IOException, HttpFailure {
    opened(connection.socket());
    try {
      HttpConnection.Head answer = beginning(connection, head, body);
      if (answer == null) {
        return false;
      }
      answering = connection;
      read(connection, answer);
      return true;
    } finally {
      answering = null;
      opened(null);
      connections.giveBack(connection);
    }
  }

  private HttpConnection.@Nullable Head beginning(
      HttpConnection connection, byte[] head, byte[] body) throws IOException, HttpFailure {
    try {
      connection.send(head, body);
      return connection.readHead();
    } catch (IOException e) {
      if (connection.mayHaveBeenStale() && ended == null) {
        return null;
      }
      throw e;
    }
  }

  private synchronized void opened(@Nullable Socket socket) {
    this.socket = socket;
    if (socket != null && ended != null) {
      close(socket);
    }
  }

  private void read(HttpConnection connection, HttpConnection.Head answer)
      throws IOException, HttpFailure {
    if (answer.status() != 200) {
      throw refusal(connection, answer);
    }
    if (!answer.contentType().startsWith("text/event-stream")) {
      throw new HttpFailure(
          Status.ERROR,
          "answered with "
              + (answer.contentType().isEmpty() ? "something" : answer.contentType())
              + " where a stream of events was asked for");
    }
    EventLines lines = new EventLines(connection);
    while (lines.next()) {
      if (!done) {
        lastByteNanoTime = connection.readAtNanoTime();
        take(lines);
      }
    }
    if (!done && !finished) {
      throw new HttpFailure(Status.CUT, "the stream ended before the generation did");
    }
    if (!done) {
      lastByteNanoTime = connection.readAtNanoTime();
      done = true;
    }
  }

  private void take(EventLines lines) throws HttpFailure {
    if (isDone(lines)) {
      done = true;
      return;
    }
    frame.read(lines.bytes(), lines.at(), lines.length());
    String error = frame.error();
    if (error != null) {
      throw new HttpFailure(Status.ERROR, "the server says: " + oneLine(error));
    }
    finished |= frame.isFinished();
    int before = Math.max(serverTokens, tokenTimes.size());
    int count = frame.tokenIds();
    if (frame.completionTokens() >= 0) {
      serverTokens = frame.completionTokens();
      // Servers that count in every message say how many tokens it brings; a last one brings none.
      if (count == 0 && frame.hasText()) {
        count = Math.max(1, serverTokens - before);
      }
    } else if (count == 0 && frame.hasText()) {
      count = 1;
    }
    if (frame.promptTokens() >= 0) {
      promptTokens = frame.promptTokens();
    }
    if (count > 0) {
      tokenTimes.add(lastByteNanoTime - zeroNanoTime, count);
      listener.tokens(count);
    }
  }

  private static boolean isDone(EventLines lines) {
    int length = lines.length();
    int at = lines.at();
    byte[] bytes = lines.bytes();
    while (length > 0 && bytes[at + length - 1] == ' ') {
      length--;
    }
    return length == DONE.length && Arrays.equals(bytes, at, at + length, DONE, 0, DONE.length);
  }

  private HttpFailure refusal(HttpConnection connection, HttpConnection.Head answer)
      throws IOException {
    byte[] text = new byte[MOST_ERROR_BYTES];
    int length = 0;
    try {
      int count;
      while (length < text.length
          && (count = connection.readBody(text, length, text.length - length)) >= 0) {
        length += count;
      }
    } catch (HttpFailure | IOException e) {
      // What has come will do.
    }
    String said = said(text, length);
    int code = answer.status();
    return new HttpFailure(
        code / 100 == 4 ? Status.REJECTED : Status.ERROR,
        "HTTP "
            + code
            + (code / 100 == 3 ? ", a redirect, which is not followed" : "")
            + (answer.retryAfter().isEmpty()
                ? ""
                : ", Retry-After: " + oneLine(answer.retryAfter()))
            + (said.isEmpty() ? "" : ": " + said));
  }

  /// The message of an error in JSON, or its text.
  private String said(byte[] text, int length) {
    try {
      frame.read(text, 0, length);
      if (frame.error() != null) {
        return oneLine(frame.error());
      }
    } catch (HttpFailure e) {
      // It is told as it came.
    }
    return oneLine(new String(text, 0, length, StandardCharsets.UTF_8));
  }

  private static String oneLine(String text) {
    String line = text.replaceAll("[\\p{Cntrl}\\s]+", " ").strip();
    return line.length() <= 200 ? line : line.substring(0, 199) + "…";
  }

  private static String seconds(Duration time) {
    return BigDecimal.valueOf(time.toMillis(), 3).stripTrailingZeros().toPlainString() + " s";
  }
}
