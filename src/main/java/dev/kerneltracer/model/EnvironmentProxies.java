package dev.kerneltracer.model;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Proxy;
import java.net.ProxySelector;
import java.net.SocketAddress;
import java.net.URI;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// The proxies that `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` name, in either case,
/// as curl and Python read them; Java by itself would look at system properties alone.
public final class EnvironmentProxies extends ProxySelector {
  private final @Nullable InetSocketAddress forHttp;
  private final @Nullable InetSocketAddress forHttps;
  private final List<String> direct;

  private EnvironmentProxies(
      @Nullable InetSocketAddress forHttp,
      @Nullable InetSocketAddress forHttps,
      List<String> direct) {
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
    InetSocketAddress proxy = "https".equals(uri.getScheme()) ? forHttps : forHttp;
    boolean needed = proxy != null && !isDirect(uri.getHost().toLowerCase(Locale.ROOT));
    return List.of(needed ? new Proxy(Proxy.Type.HTTP, proxy) : Proxy.NO_PROXY);
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

  /// Null where it is no address; what Python would take, `host:port` or `http://host:port`.
  private static @Nullable InetSocketAddress address(String text) {
    if (text.isEmpty()) {
      return null;
    }
    try {
      URI uri = URI.create(text.contains("://") ? text : "http://" + text);
      int standard = "https".equals(uri.getScheme()) ? 443 : 80;
      return uri.getHost() == null
          ? null
          : InetSocketAddress.createUnresolved(
              uri.getHost(), uri.getPort() < 0 ? standard : uri.getPort());
    } catch (IllegalArgumentException e) {
      return null;
    }
  }
}
