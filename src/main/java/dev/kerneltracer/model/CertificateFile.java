package dev.kerneltracer.model;

import dev.kerneltracer.ExitCode;
import dev.kerneltracer.UserException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.util.Map;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import org.jspecify.annotations.Nullable;

/// A file of certificates in PEM that are trusted instead of Java's own, named as Python's programs
/// and curl have it named: networks that open TLS on its way have one.
///
/// @param variable which names it
public record CertificateFile(String variable, Path file) {
  /// The first that is named and there; null where Java's own are to be used.
  public static @Nullable CertificateFile of(Map<String, String> environment) {
    for (String name : new String[] {"SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"}) {
      Path file = Path.of(environment.getOrDefault(name, ""));
      if (Files.isRegularFile(file)) {
        return new CertificateFile(name, file);
      }
    }
    return null;
  }

  public SSLContext context() {
    try (InputStream in = Files.newInputStream(file)) {
      KeyStore trusted = KeyStore.getInstance(KeyStore.getDefaultType());
      trusted.load(null, null);
      int count = 0;
      for (Certificate certificate :
          CertificateFactory.getInstance("X.509").generateCertificates(in)) {
        trusted.setCertificateEntry("certificate" + count++, certificate);
      }
      TrustManagerFactory trust =
          TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
      trust.init(trusted);
      SSLContext context = SSLContext.getInstance("TLS");
      context.init(null, trust.getTrustManagers(), null);
      return context;
    } catch (IOException | GeneralSecurityException e) {
      throw new UserException(
          ExitCode.ENVIRONMENT,
          variable + " names " + file + ", which holds no certificates in PEM",
          "Mend it, or unset " + variable + ".",
          e);
    }
  }
}
