package dev.kerneltracer.load;

import dev.kerneltracer.load.RequestResult.Status;
import dev.kerneltracer.model.CertificateFile;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.UnknownHostException;
import java.security.GeneralSecurityException;
import java.security.SecureRandom;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.function.Consumer;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.SSLSocketFactory;
import javax.net.ssl.TrustManager;
import javax.net.ssl.X509ExtendedTrustManager;
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

  /// @param environment may name certificates to trust: [CertificateFile]
  Connections(Target target, Map<String, String> environment) {
    this.target = target;
    this.tls = target.isSecure() ? tls(target.anyCertificate(), environment) : null;
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
  HttpConnection connect(Consumer<Socket> opened) throws HttpFailure {
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
      } catch (SSLException e) {
        close(socket);
        throw new HttpFailure(
            Status.REFUSED,
            "no secure connection to " + target.host() + ":" + target.port() + ": " + message(e));
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

  private static SSLSocketFactory tls(boolean anyCertificate, Map<String, String> environment) {
    CertificateFile trusted = anyCertificate ? null : CertificateFile.of(environment);
    if (trusted != null) {
      return trusted.context().getSocketFactory();
    }
    try {
      SSLContext context = SSLContext.getInstance("TLS");
      TrustManager[] any = {new AnyCertificate()};
      context.init(null, anyCertificate ? any : null, new SecureRandom());
      return context.getSocketFactory();
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException(e);
    }
  }

  /// Java adds checks of its own to trust managers of the plain interface.
  private static final class AnyCertificate extends X509ExtendedTrustManager {
    @Override
    public void checkClientTrusted(X509Certificate[] chain, String type) {}

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String type) {}

    @Override
    public void checkClientTrusted(X509Certificate[] chain, String type, Socket socket) {}

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String type, Socket socket) {}

    @Override
    public void checkClientTrusted(X509Certificate[] chain, String type, SSLEngine engine) {}

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String type, SSLEngine engine) {}

    @Override
    public X509Certificate[] getAcceptedIssuers() {
      return new X509Certificate[0];
    }
  }
}
