package dev.kerneltracer.bench;

import java.io.BufferedWriter;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// A server of streams whose every token has its time: the first one so long after the request, the
/// others at equal gaps. It notes when each request came and when each token went out, by the
/// machine's monotonic clock, which is what the load generators' figures are held against.
///
/// `java PacedServer FIRST_MS GAP_MS`, then its port is printed. `GET /truth?FILE` writes a line
/// for each request since the last such call: when it had come, then when each token went, and
/// forgets them. One thread and no timer for each stream, so that it is not what is measured.
public final class PacedServer {
  private static final long TICK_NS = 1_000_000;
  private static final int RING = 1 << 14;
  private static final Pattern LENGTH = Pattern.compile("(?i)content-length:\\s*(\\d+)");
  private static final Pattern TOKENS =
      Pattern.compile("\"max_(?:completion_)?tokens\"\\s*:\\s*(\\d+)");
  private static final byte[] END = chunk("data: [DONE]\n\n");
  private static final byte[] LAST = "0\r\n\r\n".getBytes(StandardCharsets.US_ASCII);

  private final long firstNs;
  private final long gapNs;
  private final Selector selector;
  private final List<ArrayDeque<Stream>> ring = new ArrayList<>();
  private final List<Stream> served = new ArrayList<>();
  private final ByteBuffer input = ByteBuffer.allocateDirect(1 << 18);
  private final ByteBuffer output = ByteBuffer.allocateDirect(1 << 12);
  private final byte[][] tokens = {
    token("\"text\":\" tok\"", "text_completion", "null"),
    token("\"delta\":{\"content\":\" tok\"}", "chat.completion.chunk", "null")
  };
  private final byte[][] lastTokens = {
    token("\"text\":\" tok\"", "text_completion", "\"length\""),
    token("\"delta\":{\"content\":\" tok\"}", "chat.completion.chunk", "\"length\"")
  };

  /// One connection, with what has come of a request.
  private static final class Connection {
    final SocketChannel channel;
    byte[] pending = new byte[1 << 12];
    int length;

    Connection(SocketChannel channel) {
      this.channel = channel;
    }
  }

  /// One request under way.
  private static final class Stream {
    final Connection connection;
    final boolean chat;
    final long cameNs;
    final long[] sentNs;
    int sent;

    Stream(Connection connection, boolean chat, long cameNs, int tokens) {
      this.connection = connection;
      this.chat = chat;
      this.cameNs = cameNs;
      this.sentNs = new long[tokens];
    }
  }

  private PacedServer(long firstNs, long gapNs) throws IOException {
    this.firstNs = firstNs;
    this.gapNs = gapNs;
    this.selector = Selector.open();
    for (int i = 0; i < RING; i++) {
      ring.add(new ArrayDeque<>());
    }
  }

  public static void main(String[] arguments) throws IOException {
    PacedServer server =
        new PacedServer(
            (long) (Double.parseDouble(arguments[0]) * 1e6),
            (long) (Double.parseDouble(arguments[1]) * 1e6));
    server.serve();
  }

  private void serve() throws IOException {
    try (ServerSocketChannel listening = ServerSocketChannel.open()) {
      listening.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 4096);
      listening.configureBlocking(false);
      listening.register(selector, SelectionKey.OP_ACCEPT);
      System.out.println(((InetSocketAddress) listening.getLocalAddress()).getPort());
      System.out.flush();
      long tick = System.nanoTime() / TICK_NS;
      while (true) {
        long left = (tick + 1) * TICK_NS - System.nanoTime();
        if (left > 200_000) {
          selector.select(1);
        } else {
          selector.selectNow();
        }
        Iterator<SelectionKey> keys = selector.selectedKeys().iterator();
        while (keys.hasNext()) {
          SelectionKey key = keys.next();
          keys.remove();
          if (key.isAcceptable()) {
            accept(listening);
          } else if (key.isReadable()) {
            read(key);
          }
        }
        long now = System.nanoTime() / TICK_NS;
        while (tick < now) {
          tick++;
          ArrayDeque<Stream> due = ring.get((int) (tick & (RING - 1)));
          for (int count = due.size(); count > 0; count--) {
            send(due.poll());
          }
        }
      }
    }
  }

  private void accept(ServerSocketChannel listening) throws IOException {
    SocketChannel channel;
    while ((channel = listening.accept()) != null) {
      channel.configureBlocking(false);
      channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
      channel.register(selector, SelectionKey.OP_READ, new Connection(channel));
    }
  }

  private void read(SelectionKey key) throws IOException {
    Connection connection = (Connection) key.attachment();
    input.clear();
    int count;
    try {
      count = connection.channel.read(input);
    } catch (IOException e) {
      count = -1;
    }
    if (count < 0) {
      key.cancel();
      connection.channel.close();
      return;
    }
    input.flip();
    if (connection.length + count > connection.pending.length) {
      connection.pending =
          java.util.Arrays.copyOf(connection.pending, 2 * (connection.length + count));
    }
    input.get(connection.pending, connection.length, count);
    connection.length += count;
    request(connection);
  }

  private void request(Connection connection) throws IOException {
    String text = new String(connection.pending, 0, connection.length, StandardCharsets.ISO_8859_1);
    int end = text.indexOf("\r\n\r\n");
    if (end < 0) {
      return;
    }
    String head = text.substring(0, end);
    Matcher length = LENGTH.matcher(head);
    int body = length.find() ? Integer.parseInt(length.group(1)) : 0;
    if (text.length() < end + 4 + body) {
      return;
    }
    connection.length = 0;
    String target = head.substring(head.indexOf(' ') + 1, head.indexOf(' ', head.indexOf(' ') + 1));
    if (head.startsWith("POST") && target.endsWith("completions")) {
      long now = System.nanoTime();
      Matcher tokens = TOKENS.matcher(text);
      int count = tokens.find(end) ? Integer.parseInt(tokens.group(1)) : 16;
      Stream stream = new Stream(connection, target.contains("chat"), now, count);
      served.add(stream);
      write(
          connection,
          ("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
                  + "Transfer-Encoding: chunked\r\n\r\n")
              .getBytes(StandardCharsets.US_ASCII));
      at(stream, now + firstNs);
    } else if (target.startsWith("/truth")) {
      tell(Path.of(target.substring(target.indexOf('?') + 1)));
      answer(connection, "{}");
    } else if (target.startsWith("/v1/models")) {
      answer(
          connection,
          "{\"object\":\"list\",\"data\":[{\"id\":\"paced\",\"object\":\"model\",\"created\":1,"
              + "\"owned_by\":\"bench\",\"max_model_len\":4096}]}");
    } else {
      answer(connection, "{}");
    }
  }

  private void at(Stream stream, long dueNs) {
    ring.get((int) (Math.ceilDiv(dueNs, TICK_NS) & (RING - 1))).add(stream);
  }

  private void send(Stream stream) throws IOException {
    int kind = stream.chat ? 1 : 0;
    boolean last = stream.sent + 1 == stream.sentNs.length;
    stream.sentNs[stream.sent++] = System.nanoTime();
    try {
      if (!last) {
        write(stream.connection, tokens[kind]);
        at(stream, stream.cameNs + firstNs + stream.sent * gapNs);
        return;
      }
      byte[] usage = usage(stream);
      output.clear();
      output.put(lastTokens[kind]).put(usage).put(END).put(LAST).flip();
      write(stream.connection, output);
    } catch (IOException e) {
      // The client has left: its stream ends here.
    }
  }

  private static void write(Connection connection, byte[] bytes) throws IOException {
    write(connection, ByteBuffer.wrap(bytes));
  }

  private static void write(Connection connection, ByteBuffer bytes) throws IOException {
    connection.channel.write(bytes);
    if (bytes.hasRemaining()) {
      // A client that lets its socket's buffer fill up is none whose figures would count.
      throw new IOException("the client does not read");
    }
  }

  private static void answer(Connection connection, String json) throws IOException {
    write(
        connection,
        ("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "
                + json.length()
                + "\r\n\r\n"
                + json)
            .getBytes(StandardCharsets.US_ASCII));
  }

  private void tell(Path file) throws IOException {
    try (BufferedWriter out = Files.newBufferedWriter(file)) {
      for (Stream stream : served) {
        out.write(Long.toString(stream.cameNs));
        for (int i = 0; i < stream.sent; i++) {
          out.write(' ');
          out.write(Long.toString(stream.sentNs[i]));
        }
        out.write('\n');
      }
    }
    served.clear();
  }

  private static byte[] token(String piece, String object, String finish) {
    return chunk(
        "data: {\"id\":\"cmpl-0123456789abcdef0123456789abcdef\",\"object\":\""
            + object
            + "\",\"created\":1764072000,\"model\":\"paced\",\"choices\":[{\"index\":0,"
            + piece
            + ",\"logprobs\":null,\"finish_reason\":"
            + finish
            + ",\"stop_reason\":null}],\"usage\":null}\n\n");
  }

  private static byte[] usage(Stream stream) {
    int tokens = stream.sentNs.length;
    return chunk(
        "data: {\"id\":\"cmpl-0123456789abcdef0123456789abcdef\",\"object\":\""
            + (stream.chat ? "chat.completion.chunk" : "text_completion")
            + "\",\"created\":1764072000,\"model\":\"paced\",\"choices\":[],\"usage\":"
            + "{\"prompt_tokens\":32,\"total_tokens\":"
            + (32 + tokens)
            + ",\"completion_tokens\":"
            + tokens
            + "}}\n\n");
  }

  private static byte[] chunk(String text) {
    return (Integer.toHexString(text.length()) + "\r\n" + text + "\r\n")
        .getBytes(StandardCharsets.US_ASCII);
  }
}
