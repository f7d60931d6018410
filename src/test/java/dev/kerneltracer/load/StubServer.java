package dev.kerneltracer.load;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/// A server on the loopback address that answers each request by a script, byte by byte.
final class StubServer implements AutoCloseable {
  static final String STREAM = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n";

  private final ServerSocket listening;
  private final Script script;
  private final Set<Socket> open = ConcurrentHashMap.newKeySet();
  private final List<Call> calls = new CopyOnWriteArrayList<>();
  private final AtomicInteger connections = new AtomicInteger();

  /// What is done for one request; the connection is kept where it returns without closing it.
  interface Script {
    void answer(Call call) throws Exception;
  }

  StubServer(Script script) throws IOException {
    this(new ServerSocket(0, 1024, InetAddress.getLoopbackAddress()), script);
  }

  /// @param listening which may speak TLS
  StubServer(ServerSocket listening, Script script) {
    this.listening = listening;
    this.script = script;
    Thread.ofVirtual().start(this::accept);
  }

  /// One request and the way to answer it.
  static final class Call {
    final int number;
    final String head;
    final String body;
    private final Socket socket;
    private final OutputStream out;

    private Call(int number, String head, String body, Socket socket) throws IOException {
      this.number = number;
      this.head = head;
      this.body = body;
      this.socket = socket;
      this.out = socket.getOutputStream();
    }

    /// As it stands, in one write.
    void raw(String text) throws IOException {
      out.write(text.getBytes(StandardCharsets.UTF_8));
      out.flush();
    }

    void chunkedHead() throws IOException {
      raw(STREAM + "Transfer-Encoding: chunked\r\n\r\n");
    }

    void chunk(String text) throws IOException {
      raw(chunked(text));
    }

    void lastChunk() throws IOException {
      raw("0\r\n\r\n");
    }

    /// A whole stream in chunks.
    void stream(String... messages) throws IOException {
      chunkedHead();
      for (String message : messages) {
        chunk(data(message));
      }
      lastChunk();
    }

    /// An answer that is no stream.
    void plain(String status, String fields, String text) throws IOException {
      raw(
          "HTTP/1.1 "
              + status
              + "\r\n"
              + fields
              + "Content-Length: "
              + text.getBytes(StandardCharsets.UTF_8).length
              + "\r\n\r\n"
              + text);
    }

    /// Waits until the client closes; whatever else it sends is passed over.
    void awaitClose() {
      try {
        InputStream in = socket.getInputStream();
        while (in.read() >= 0) {}
      } catch (IOException e) {
        // Closed likewise.
      }
    }

    void close() throws IOException {
      socket.close();
    }
  }

  static String chunked(String text) {
    return Integer.toHexString(text.getBytes(StandardCharsets.UTF_8).length)
        + "\r\n"
        + text
        + "\r\n";
  }

  static String data(String message) {
    return "data: " + message + "\n\n";
  }

  static String text(String text) {
    return "{\"choices\":[{\"index\":0,\"text\":\"" + text + "\",\"finish_reason\":null}]}";
  }

  static String finish() {
    return "{\"choices\":[{\"index\":0,\"text\":\"\",\"finish_reason\":\"length\"}]}";
  }

  static String usage(int promptTokens, int completionTokens) {
    return "{\"choices\":[],\"usage\":{\"prompt_tokens\":"
        + promptTokens
        + ",\"total_tokens\":"
        + (promptTokens + completionTokens)
        + ",\"completion_tokens\":"
        + completionTokens
        + "}}";
  }

  /// What a good server sends for three tokens.
  static String[] threeTokens() {
    return new String[] {text("a"), text("b"), text("c"), finish(), usage(7, 3), "[DONE]"};
  }

  URI url() {
    return URI.create("http://127.0.0.1:" + port());
  }

  int port() {
    return listening.getLocalPort();
  }

  List<Call> calls() {
    return calls;
  }

  int connections() {
    return connections.get();
  }

  /// As a killed process: nobody listens, and every connection is gone.
  void kill() throws IOException {
    listening.close();
    for (Socket socket : open) {
      socket.close();
    }
  }

  @Override
  public void close() throws IOException {
    kill();
  }

  private void accept() {
    while (!listening.isClosed()) {
      try {
        Socket socket = listening.accept();
        connections.incrementAndGet();
        open.add(socket);
        Thread.ofVirtual().start(() -> serve(socket));
      } catch (IOException e) {
        return;
      }
    }
  }

  private void serve(Socket socket) {
    try (socket) {
      socket.setTcpNoDelay(true);
      Call call;
      while (!socket.isClosed() && (call = read(socket)) != null) {
        calls.add(call);
        script.answer(call);
      }
    } catch (Exception e) {
      // The client has gone, or this server is being closed.
    } finally {
      open.remove(socket);
    }
  }

  private @Nullable Call read(Socket socket) throws IOException {
    InputStream in = socket.getInputStream();
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    String head = "";
    while (!head.endsWith("\r\n\r\n")) {
      int next = in.read();
      if (next < 0) {
        return null;
      }
      bytes.write(next);
      if (next == '\n') {
        head = bytes.toString(StandardCharsets.ISO_8859_1);
      }
    }
    int length = 0;
    for (String line : head.lines().toList()) {
      if (line.toLowerCase(Locale.ROOT).startsWith("content-length:")) {
        length = Integer.parseInt(line.substring(line.indexOf(':') + 1).strip());
      }
    }
    String body = new String(in.readNBytes(length), StandardCharsets.UTF_8);
    return new Call(calls.size(), head, body, socket);
  }
}
