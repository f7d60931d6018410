package dev.kerneltracer.load;

import java.net.URI;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/// The server that a run sends to, and nothing else: redirects are not followed and no proxy is
/// used.
///
/// @param url `http://host:8000`, with or without `/v1`
/// @param model the name that the server serves it by
/// @param apiKey sent as a bearer token
/// @param tokenIds asks for the id of every token (`return_token_ids`, which vLLM knows and others
///   may refuse), so that each is counted whatever its text
/// @param requestTimeout for one request from its start to its end
/// @param stallTimeout between one byte of an answer and the next, once it has begun
/// @param anyCertificate trusts whatever certificate the server shows
public record Target(
    URI url,
    String model,
    Endpoint endpoint,
    @Nullable String apiKey,
    boolean tokenIds,
    Duration requestTimeout,
    Duration stallTimeout,
    boolean anyCertificate) {
  /// For a request, where nothing else is said.
  public static final Duration REQUEST_TIMEOUT = Duration.ofMinutes(10);

  /// For the next byte, where nothing else is said.
  public static final Duration STALL_TIMEOUT = Duration.ofMinutes(2);

  /// What of OpenAI's interface is asked.
  public enum Endpoint {
    COMPLETIONS("completions"),
    CHAT("chat/completions");

    private final String path;

    Endpoint(String path) {
      this.path = path;
    }
  }

  /// A target with the usual patience and a plain connection.
  public static Target of(URI url, String model, Endpoint endpoint) {
    return new Target(url, model, endpoint, null, false, REQUEST_TIMEOUT, STALL_TIMEOUT, false);
  }

  boolean isSecure() {
    return "https".equalsIgnoreCase(url.getScheme());
  }

  String host() {
    String host = url.getHost();
    // Java keeps the brackets of an IPv6 address.
    return host.startsWith("[") ? host.substring(1, host.length() - 1) : host;
  }

  int port() {
    return url.getPort() >= 0 ? url.getPort() : isSecure() ? 443 : 80;
  }

  /// What stands in the request line.
  String path() {
    String base = url.getRawPath() == null ? "" : url.getRawPath();
    while (base.endsWith("/")) {
      base = base.substring(0, base.length() - 1);
    }
    return (base.endsWith("/v1") ? base : base + "/v1") + "/" + endpoint.path;
  }
}
