package dev.kerneltracer.load;

import dev.kerneltracer.load.RequestResult.Status;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.UnknownHostException;
import java.security.GeneralSecurityException;
import java.security.SecureRandom;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.util.concurrent.ConcurrentLinkedDeque;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.SSLSocketFactory;
import javax.net.ssl.TrustManager;
import javax.net.ssl.X509TrustManager;
import org.jspecify.annotations.Nullable;

/// Connections to one target, kept alive between requests.
final class Connections implements AutoCloseable {
  private static final Duration CONNECT_TIMEOUT = Duration.ofSeconds(30);

  /// Servers close what is idle; uvicorn, the shortest of the usual ones, after 5 s.
  private static final long MOST_IDLE_NS = Duration.ofSeconds(4).toNanos();

  private final Target target;
  private final @Nullable SSLSocketFactory tls;
  private final ConcurrentLinkedDeque<HttpConnection> idle = new ConcurrentLinkedDeque<>();
  private final InetAddress @Nullable [] addresses;

  Connections(Target target) {
    this.target = target;
    this.tls = target.isSecure() ? tls(target.anyCertificate()) : null;
    this.addresses = addresses(target.host());
  }

  /// One that is free, or null.
  @Nullable HttpConnection idle() {
    while (true) {
      HttpConnection connection = idle.pollFirst();
      if (connection == null || connection.idleNs() < MOST_IDLE_NS) {
        return connection;
      }
      connection.close();
    }
  }

  /// A new one.
  ///
  /// @param opened told of the socket before it connects, so that another thread can end that
  HttpConnection connect(java.util.function.Consumer<Socket> opened) throws HttpFailure {
    if (addresses == null) {
      throw new HttpFailure(Status.REFUSED, "the host " + target.host() + " is unknown");
    }
    String refusal = "";
    for (InetAddress address : addresses) {
      Socket socket = new Socket();
      opened.accept(socket);
      try {
        socket.setTcpNoDelay(true);
        socket.connect(
            new InetSocketAddress(address, target.port()), (int) CONNECT_TIMEOUT.toMillis());
        return tls == null ? new HttpConnection(socket, socket) : secure(tls, socket);
      } catch (IOException e) {
        refusal = message(e);
        close(socket);
      }
    }
    throw new HttpFailure(
        Status.REFUSED, "no connection to " + target.host() + ":" + target.port() + ": " + refusal);
  }

  private HttpConnection secure(SSLSocketFactory factory, Socket socket) throws IOException {
    SSLSocket secure = (SSLSocket) factory.createSocket(socket, target.host(), target.port(), true);
    if (!target.anyCertificate()) {
      SSLParameters parameters = secure.getSSLParameters();
      parameters.setEndpointIdentificationAlgorithm("HTTPS");
      secure.setSSLParameters(parameters);
    }
    secure.startHandshake();
    return new HttpConnection(socket, secure);
  }

  void giveBack(HttpConnection connection) {
    if (connection.isReusable()) {
      connection.keep();
      idle.addFirst(connection);
    } else {
      connection.close();
    }
  }

  @Override
  public void close() {
    HttpConnection connection;
    while ((connection = idle.pollFirst()) != null) {
      connection.close();
    }
  }

  static String message(IOException e) {
    String message = e.getMessage();
    return message == null ? e.getClass().getSimpleName() : message;
  }

  private static void close(Socket socket) {
    try {
      socket.close();
    } catch (IOException e) {
      // Nothing was sent through it.
    }
  }

  private static InetAddress @Nullable [] addresses(String host) {
    try {
      return InetAddress.getAllByName(host);
    } catch (UnknownHostException e) {
      return null;
    }
  }

  private static SSLSocketFactory tls(boolean anyCertificate) {
    try {
      SSLContext context = SSLContext.getInstance("TLS");
      TrustManager[] any = {new AnyCertificate()};
      context.init(null, anyCertificate ? any : null, new SecureRandom());
      return context.getSocketFactory();
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException(e);
    }
  }

  private static final class AnyCertificate implements X509TrustManager {
    @Override
    public void checkClientTrusted(X509Certificate[] chain, String type) {}

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String type) {}

    @Override
    public X509Certificate[] getAcceptedIssuers() {
      return new X509Certificate[0];
    }
  }
}
