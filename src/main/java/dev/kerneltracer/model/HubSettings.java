package dev.kerneltracer.model;

import dev.kerneltracer.ExitCode;
import dev.kerneltracer.UserException;
import java.net.URI;
import java.time.Duration;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// How the hub is reached, in the variables that huggingface_hub reads.
///
/// @param endpoint the hub or a mirror of it, without a slash at its end (`HF_ENDPOINT`)
/// @param token null where the user is not logged in
/// @param offline nothing may be asked of the network (`HF_HUB_OFFLINE`, `TRANSFORMERS_OFFLINE`)
/// @param symlinks a snapshot's files are links to blobs; else they are files (
///   `HF_HUB_DISABLE_SYMLINKS`)
/// @param stallTimeout how long a server may send nothing (`HF_HUB_DOWNLOAD_TIMEOUT`)
/// @param firstWait before the second try; each further one waits twice as long
/// @param proxies of `HTTPS_PROXY` and its kin
/// @param certificates of `SSL_CERT_FILE` and its kin; null for Java's own
public record HubSettings(
    URI endpoint,
    @Nullable HubToken token,
    boolean offline,
    boolean symlinks,
    Duration stallTimeout,
    Duration firstWait,
    EnvironmentProxies proxies,
    @Nullable CertificateFile certificates) {
  private static final Set<String> TRUE = Set.of("1", "ON", "YES", "TRUE");
  private static final String DEFAULT_ENDPOINT = "https://huggingface.co";
  private static final Duration DEFAULT_STALL = Duration.ofSeconds(30);

  /// What the environment says.
  ///
  /// @throws UserException where `HF_ENDPOINT` is no address
  public static HubSettings of(Map<String, String> environment) {
    return new HubSettings(
        endpoint(environment.getOrDefault("HF_ENDPOINT", "")),
        HubToken.of(environment),
        isTrue(environment.get("HF_HUB_OFFLINE"))
            || isTrue(environment.get("TRANSFORMERS_OFFLINE")),
        !isTrue(environment.get("HF_HUB_DISABLE_SYMLINKS")),
        stall(environment.getOrDefault("HF_HUB_DOWNLOAD_TIMEOUT", "")),
        Duration.ofSeconds(1),
        EnvironmentProxies.of(environment),
        CertificateFile.of(environment));
  }

  /// The same, but nothing is asked of the network.
  public HubSettings withoutNetwork() {
    return new HubSettings(
        endpoint, token, true, symlinks, stallTimeout, firstWait, proxies, certificates);
  }

  /// The same with other patience.
  HubSettings waiting(Duration newStallTimeout, Duration newFirstWait) {
    return new HubSettings(
        endpoint, token, offline, symlinks, newStallTimeout, newFirstWait, proxies, certificates);
  }

  static boolean isTrue(@Nullable String value) {
    return value != null && TRUE.contains(value.toUpperCase(Locale.ROOT));
  }

  private static URI endpoint(String text) {
    String address = text.isBlank() ? DEFAULT_ENDPOINT : text.strip().replaceAll("/+$", "");
    try {
      URI uri = URI.create(address);
      boolean web = "http".equals(uri.getScheme()) || "https".equals(uri.getScheme());
      if (web && uri.getHost() != null && uri.getUserInfo() == null && uri.getQuery() == null) {
        return uri;
      }
    } catch (IllegalArgumentException e) {
      // Told below. The text is not repeated: people put passwords into addresses.
    }
    throw new UserException(
        ExitCode.ENVIRONMENT,
        "HF_ENDPOINT is no address of a hub",
        "Write it as https://hub.example.org, without user, password and query.");
  }

  private static Duration stall(String text) {
    return text.matches("[1-9][0-9]{0,5}")
        ? Duration.ofSeconds(Long.parseLong(text))
        : DEFAULT_STALL;
  }
}
