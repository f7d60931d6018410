package dev.kerneltracer.model;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Proxy;
import java.net.ProxySelector;
import java.net.SocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// The proxies that `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` name, in either case,
/// as curl and Python read them; Java by itself would look at system properties alone.
public final class EnvironmentProxies extends ProxySelector {
  /// @param authorization the header `Proxy-Authorization`; null where the proxy wants none
  private record HttpProxy(InetSocketAddress address, @Nullable String authorization) {}

  private final @Nullable HttpProxy forHttp;
  private final @Nullable HttpProxy forHttps;
  private final List<String> direct;

  private EnvironmentProxies(
      @Nullable HttpProxy forHttp, @Nullable HttpProxy forHttps, List<String> direct) {
    this.forHttp = forHttp;
    this.forHttps = forHttps;
    this.direct = direct;
  }

  static EnvironmentProxies of(Map<String, String> environment) {
    String all = value(environment, "all_proxy");
    String http = value(environment, "http_proxy");
    String https = value(environment, "https_proxy");
    List<String> direct =
        List.of(value(environment, "no_proxy").toLowerCase(Locale.ROOT).split("[,\\s]+"));
    return new EnvironmentProxies(
        address(http.isEmpty() ? all : http), address(https.isEmpty() ? all : https), direct);
  }

  @Override
  public List<Proxy> select(URI uri) {
    HttpProxy proxy = proxy(uri);
    return List.of(proxy == null ? Proxy.NO_PROXY : new Proxy(Proxy.Type.HTTP, proxy.address()));
  }

  /// The header `Proxy-Authorization` of requests to an address; null where there is none to send.
  @Nullable String authorization(URI uri) {
    HttpProxy proxy = proxy(uri);
    return proxy == null ? null : proxy.authorization();
  }

  private @Nullable HttpProxy proxy(URI uri) {
    HttpProxy proxy = "https".equals(uri.getScheme()) ? forHttps : forHttp;
    return isDirect(uri.getHost().toLowerCase(Locale.ROOT)) ? null : proxy;
  }

  @Override
  public void connectFailed(URI uri, SocketAddress address, IOException failure) {}

  private boolean isDirect(String host) {
    for (String entry : direct) {
      String suffix = entry.startsWith("*.") ? entry.substring(2) : entry.replaceAll("^\\.", "");
      if (entry.equals("*")
          || (!suffix.isEmpty() && (host.equals(suffix) || host.endsWith("." + suffix)))) {
        return true;
      }
    }
    return false;
  }

  private static String value(Map<String, String> environment, String name) {
    String lower = environment.getOrDefault(name, "");
    return lower.isBlank()
        ? environment.getOrDefault(name.toUpperCase(Locale.ROOT), "").strip()
        : lower.strip();
  }

  /// Null where it is no address; what Python would take, `host:port` or
  /// `http://user:password@host:port`.
  private static @Nullable HttpProxy address(String text) {
    if (text.isEmpty()) {
      return null;
    }
    try {
      URI uri = URI.create(text.contains("://") ? text : "http://" + text);
      int port = uri.getPort() < 0 ? ("https".equals(uri.getScheme()) ? 443 : 80) : uri.getPort();
      if (uri.getHost() == null) {
        return null;
      }
      String user = uri.getUserInfo();
      String authorization =
          user == null
              ? null
              : "Basic "
                  + Base64.getEncoder().encodeToString(user.getBytes(StandardCharsets.UTF_8));
      return new HttpProxy(InetSocketAddress.createUnresolved(uri.getHost(), port), authorization);
    } catch (IllegalArgumentException e) {
      return null;
    }
  }
}
