package dev.kerneltracer.live;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import dev.kerneltracer.ExitCode;
import dev.kerneltracer.UserException;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.Executors;
import java.util.function.Supplier;

/// Serves `/metrics` for Prometheus, on the loopback interface unless another address is named.
public final class MetricsServer implements AutoCloseable {
  private final HttpServer server;

  private MetricsServer(HttpServer server) {
    this.server = server;
  }

  /// Starts to serve.
  ///
  /// @param address to listen on
  /// @param port 0 for any that is free
  /// @param page makes the page for a scrape; any thread
  /// @throws UserException where the port is taken or the address is not this machine's
  public static MetricsServer start(String address, int port, Supplier<String> page) {
    try {
      HttpServer server =
          HttpServer.create(new InetSocketAddress(InetAddress.getByName(address), port), 16);
      server.setExecutor(Executors.newVirtualThreadPerTaskExecutor());
      server.createContext(
          "/",
          exchange -> {
            try (exchange) {
              answer(exchange, page);
            }
          });
      server.start();
      return new MetricsServer(server);
    } catch (UnknownHostException e) {
      throw new UserException(
          ExitCode.USAGE,
          "--metrics-address: no address is known for " + address,
          "Use 127.0.0.1, or 0.0.0.0 for all interfaces.",
          e);
    } catch (IOException e) {
      throw new UserException(
          ExitCode.USAGE,
          "cannot serve metrics on " + address + ":" + port + ": " + e.getMessage(),
          "Choose another --metrics-port, or 0 for any that is free.",
          e);
    }
  }

  private static void answer(HttpExchange exchange, Supplier<String> page) throws IOException {
    String path = exchange.getRequestURI().getPath();
    boolean found = path.equals("/metrics");
    boolean read = exchange.getRequestMethod().equals("GET");
    String text = !found ? "Metrics are at /metrics.\n" : read ? page.get() : "Only GET.\n";
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    exchange
        .getResponseHeaders()
        .set("Content-Type", found && read ? MetricsPage.CONTENT_TYPE : "text/plain");
    exchange.sendResponseHeaders(!found ? 404 : read ? 200 : 405, bytes.length);
    try (OutputStream body = exchange.getResponseBody()) {
      body.write(bytes);
    }
  }

  public int port() {
    return server.getAddress().getPort();
  }

  /// `http://127.0.0.1:9108/metrics`.
  public String url() {
    return "http://"
        + server.getAddress().getAddress().getHostAddress()
        + ":"
        + port()
        + "/metrics";
  }

  @Override
  public void close() {
    server.stop(0);
  }
}
