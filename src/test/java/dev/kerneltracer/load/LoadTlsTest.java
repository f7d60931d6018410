package dev.kerneltracer.load;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kerneltracer.load.RequestResult.Status;
import java.io.IOException;
import java.net.InetAddress;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// A server behind TLS, whose certificate is for `localhost` alone and signed by nobody.
@Timeout(120)
class LoadTlsTest {
  private static final char[] PASSWORD = "changeit".toCharArray();

  @TempDir static Path directory;

  @SuppressWarnings("NullAway.Init")
  private static StubServer server;

  @BeforeAll
  static void start() throws Exception {
    keytool(
        List.of(
            "-genkeypair",
            "-keyalg",
            "EC",
            "-dname",
            "CN=stub",
            "-validity",
            "3",
            "-ext",
            "san=dns:localhost"));
    keytool(List.of("-exportcert", "-rfc", "-file", directory.resolve("stub.pem").toString()));
    KeyStore keys = KeyStore.getInstance(directory.resolve("stub.p12").toFile(), PASSWORD);
    KeyManagerFactory managers =
        KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
    managers.init(keys, PASSWORD);
    SSLContext tls = SSLContext.getInstance("TLS");
    tls.init(managers.getKeyManagers(), null, null);
    server =
        new StubServer(
            tls.getServerSocketFactory()
                .createServerSocket(0, 50, InetAddress.getLoopbackAddress()),
            call -> call.stream(StubServer.threeTokens()));
  }

  @AfterAll
  static void stop() throws IOException {
    server.close();
  }

  private static void keytool(List<String> arguments) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "keytool").toString());
    command.addAll(arguments);
    command.addAll(
        List.of(
            "-alias",
            "stub",
            "-keystore",
            directory.resolve("stub.p12").toString(),
            "-storepass",
            "changeit"));
    Path log = Files.createTempFile(directory, "keytool", ".log");
    Process process =
        new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log.toFile()).start();
    assertThat(process.waitFor()).as(Files.readString(log)).isZero();
  }

  private static RequestResult one(String host, boolean anyCertificate, boolean trusted) {
    Target target =
        new Target(
            URI.create("https://" + host + ":" + server.port()),
            "tiny",
            Target.Endpoint.COMPLETIONS,
            null,
            false,
            ClientRun.LONG,
            ClientRun.LONG,
            anyCertificate);
    Map<String, String> environment =
        trusted ? Map.of("SSL_CERT_FILE", directory.resolve("stub.pem").toString()) : Map.of();
    return ClientRun.one(target, environment, ClientRun.request(0, 0));
  }

  @Test
  void aTrustedCertificateServes() {
    RequestResult result = one("localhost", false, true);

    assertThat(result.error()).isNull();
    assertThat(result.tokenTimesNs()).hasSize(3);
  }

  @Test
  void anUnknownCertificateIsRefused() {
    RequestResult result = one("localhost", false, false);

    assertThat(result.status()).isEqualTo(Status.REFUSED);
    assertThat(result.error()).contains("no secure connection");
  }

  @Test
  void aCertificateForAnotherHostIsRefused() {
    RequestResult result = one("127.0.0.1", false, true);

    assertThat(result.status()).isEqualTo(Status.REFUSED);
    assertThat(result.error()).contains("no secure connection");
  }

  @Test
  void anyCertificateWillDoWhereThatIsAsked() {
    assertThat(one("127.0.0.1", true, false).status()).isEqualTo(Status.OK);
    assertThat(server.calls().getLast().head).startsWith("POST /v1/completions");
  }
}
