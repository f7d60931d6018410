package dev.kerneltracer.serve;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/// The control side of a server: metrics whose steps go on with every look at them, and a profiler
/// that misbehaves as it is told.
final class StubServer implements AutoCloseable {
  final AtomicLong steps = new AtomicLong();
  final AtomicBoolean open = new AtomicBoolean();

  /// Calls of other paths than /metrics while the profiler was open.
  final AtomicLong othersWhileOpen = new AtomicLong();

  private final HttpServer server;
  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
  private final CountDownLatch released = new CountDownLatch(1);

  /// @param start the status that /start_profile answers
  /// @param stop the status that /stop_profile answers; 0 for never
  /// @param trace written when it stops; null for nothing
  StubServer(int start, int stop, @Nullable Path trace) throws IOException {
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.setExecutor(threads);
    server.createContext(
        "/metrics",
        exchange ->
            answer(
                exchange,
                200,
                "vllm:num_requests_running 3\nvllm:generation_tokens_total 9\n"
                    + "vllm:iteration_tokens_total_count "
                    + steps.addAndGet(4)
                    + "\n"));
    server.createContext(
        "/start_profile",
        exchange -> {
          open.set(start == 200);
          answer(exchange, start, "");
        });
    server.createContext(
        "/stop_profile",
        exchange -> {
          open.set(false);
          if (trace != null) {
            Files.writeString(trace, "{\"traceEvents\": []}");
          }
          if (stop == 0) {
            awaitRelease();
          }
          answer(exchange, stop == 0 ? 200 : stop, "");
        });
    server.createContext(
        "/",
        exchange -> {
          if (open.get()) {
            othersWhileOpen.incrementAndGet();
          }
          answer(exchange, 404, "");
        });
    server.start();
  }

  URI url() {
    return URI.create("http://127.0.0.1:" + server.getAddress().getPort());
  }

  private void awaitRelease() {
    try {
      released.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private static void answer(HttpExchange exchange, int status, String text) throws IOException {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    exchange.sendResponseHeaders(status, bytes.length == 0 ? -1 : bytes.length);
    exchange.getResponseBody().write(bytes);
    exchange.close();
  }

  @Override
  public void close() {
    released.countDown();
    server.stop(0);
    threads.shutdownNow();
  }
}
