package dev.kerneltracer.model;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kerneltracer.model.DownloadEnd.Complete;
import dev.kerneltracer.model.DownloadEnd.Failed;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Proxies and certificates as a company's network has them.
class HubTransportTest {
  private static final char[] PASSWORD = "changeit".toCharArray();

  @TempDir static Path shared;

  @SuppressWarnings("NullAway.Init")
  private static LocalHub secure;

  @TempDir Path cache;

  /// A proxy that opens tunnels, and passes on what is not to be encrypted.
  private static final class Proxy implements AutoCloseable {
    private final ServerSocket socket = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
    private final List<String> heads = new CopyOnWriteArrayList<>();

    Proxy() throws IOException {
      Thread.ofVirtual().start(this::accept);
    }

    String address() {
      return "127.0.0.1:" + socket.getLocalPort();
    }

    private void accept() {
      while (!socket.isClosed()) {
        try {
          Socket client = socket.accept();
          Thread.ofVirtual().start(() -> serve(client));
        } catch (IOException e) {
          return;
        }
      }
    }

    private void serve(Socket client) {
      try (client) {
        String head = head(client.getInputStream());
        heads.add(head);
        boolean tunnel = head.startsWith("CONNECT ");
        String target = head.split("[ /]+", -1)[tunnel ? 1 : 2];
        int colon = target.indexOf(':');
        try (Socket server =
            new Socket(target.substring(0, colon), Integer.parseInt(target.substring(colon + 1)))) {
          if (tunnel) {
            client
                .getOutputStream()
                .write("HTTP/1.1 200 OK\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
          } else {
            String direct =
                head.replaceFirst("http://[^/]+", "")
                    .replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
            server.getOutputStream().write(direct.getBytes(StandardCharsets.ISO_8859_1));
          }
          Thread up = Thread.ofVirtual().start(() -> copy(client, server));
          copy(server, client);
          up.interrupt();
        }
      } catch (IOException e) {
        // the connection's end
      }
    }

    private static void copy(Socket from, Socket to) {
      try {
        from.getInputStream().transferTo(to.getOutputStream());
        to.shutdownOutput();
      } catch (IOException e) {
        // the connection's end
      }
    }

    private static String head(InputStream in) throws IOException {
      StringBuilder head = new StringBuilder();
      while (head.indexOf("\r\n\r\n") < 0) {
        int next = in.read();
        if (next < 0) {
          throw new IOException("no request");
        }
        head.append((char) next);
      }
      return head.toString();
    }

    @Override
    public void close() {
      try {
        socket.close();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }

  @BeforeAll
  static void startSecureHub() throws Exception {
    keytool(
        "-genkeypair",
        "-alias",
        "hub",
        "-keyalg",
        "EC",
        "-dname",
        "CN=hub",
        "-validity",
        "3",
        "-ext",
        "san=ip:127.0.0.1,dns:localhost");
    keytool("-exportcert", "-alias", "hub", "-rfc", "-file", shared.resolve("hub.pem").toString());
    KeyStore keys = KeyStore.getInstance(shared.resolve("hub.p12").toFile(), PASSWORD);
    KeyManagerFactory managers =
        KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
    managers.init(keys, PASSWORD);
    SSLContext tls = SSLContext.getInstance("TLS");
    tls.init(managers.getKeyManagers(), null, null);
    secure = new LocalHub(tls);
    secure.publish("org/tiny", "main", TinyModel.files(10_000));
  }

  @AfterAll
  static void stopSecureHub() {
    secure.close();
  }

  @Test
  void aCertificateOfTheEnvironmentIsTrusted() throws Exception {
    assertThat(fetch(secure, Map.of("SSL_CERT_FILE", shared.resolve("hub.pem").toString())))
        .isInstanceOf(Complete.class);
  }

  @Test
  void anUnknownCertificateIsSaidAtOnce() throws Exception {
    DownloadEnd end = fetch(secure, Map.of());

    assertThat(end).isInstanceOf(Failed.class);
    assertThat(((Failed) end).reason()).contains("no secure connection");
    assertThat(((Failed) end).hint()).contains("SSL_CERT_FILE");
    assertThat(secure.seen()).isEmpty();
  }

  @Test
  void aTunnelIsOpenedWithTheProxysPasswordAndTheTokenWithin() throws Exception {
    try (Proxy proxy = new Proxy()) {
      DownloadEnd end =
          fetch(
              secure,
              Map.of(
                  "REQUESTS_CA_BUNDLE",
                  shared.resolve("hub.pem").toString(),
                  "HTTPS_PROXY",
                  "http://me:pa55@" + proxy.address(),
                  "HF_TOKEN",
                  "hf_s3cret"));

      assertThat(end).isInstanceOf(Complete.class);
      assertThat(proxy.heads)
          .isNotEmpty()
          .allMatch(head -> head.startsWith("CONNECT "))
          .allMatch(head -> head.contains("Proxy-Authorization: Basic bWU6cGE1NQ=="))
          .noneMatch(head -> head.contains("hf_s3cret"));
    }
  }

  @Test
  void aProxyForPlainHttpIsUsedUnlessTheHostIsExempt() throws Exception {
    try (Proxy proxy = new Proxy();
        LocalHub hub = new LocalHub()) {
      hub.publish("org/tiny", "main", TinyModel.files(10_000));

      DownloadEnd through = fetch(hub, Map.of("http_proxy", proxy.address()));
      assertThat(through).isInstanceOf(Complete.class);
      int requests = proxy.heads.size();
      assertThat(requests).isGreaterThan(5);
      DownloadEnd direct =
          fetch(
              hub,
              Map.of("ALL_PROXY", proxy.address(), "NO_PROXY", "example.org, 127.0.0.1,localhost"));
      assertThat(direct).isInstanceOf(Complete.class);
      assertThat(proxy.heads).hasSize(requests);
    }
  }

  private DownloadEnd fetch(LocalHub hub, Map<String, String> more) throws InterruptedException {
    hub.seen().clear();
    Map<String, String> environment = new HashMap<>(Map.of("HF_ENDPOINT", hub.endpoint()));
    environment.putAll(more);
    HubSettings settings =
        HubSettings.of(environment).waiting(Duration.ofSeconds(5), Duration.ofMillis(10));
    try (HubDownload download = new HubDownload(settings, new HubCache(cache), 4)) {
      return download.fetch(HubDownload.Request.of("org/tiny"));
    }
  }

  private static void keytool(String... arguments) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "keytool").toString());
    command.addAll(List.of(arguments));
    command.addAll(
        List.of("-keystore", shared.resolve("hub.p12").toString(), "-storepass", "changeit"));
    Path log = Files.createTempFile(shared, "keytool", ".log");
    Process process =
        new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log.toFile()).start();
    assertThat(process.waitFor()).as(Files.readString(log)).isZero();
  }
}
