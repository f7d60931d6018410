package dev.kerneltracer.model;

import java.io.IOException;
import java.net.ConnectException;
import java.net.URI;
import java.net.UnknownHostException;
import java.net.http.HttpClient;
import java.net.http.HttpConnectTimeoutException;
import java.net.http.HttpHeaders;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpTimeoutException;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.UnresolvedAddressException;
import java.time.Duration;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeParseException;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLHandshakeException;
import org.jspecify.annotations.Nullable;

/// Plain HTTP requests to the hub. Redirects are followed here and not by the JDK, because the
/// token must go to the hub's own origin alone: a blob is usually served by another host, whose
/// signed address must not be told to anybody either, and so no query is ever printed.
final class HubClient implements AutoCloseable {
  private static final Duration CONNECT_TIMEOUT = Duration.ofSeconds(10);
  private static final int MOST_REDIRECTS = 8;
  private static final Set<Integer> REDIRECTS = Set.of(301, 302, 303, 307, 308);
  private static final Pattern RATE_LIMIT =
      Pattern.compile(";\\s*r\\s*=\\s*0\\s*;\\s*t\\s*=\\s*(\\d+)");

  static {
    // Proxies are asked for a password in clear text or not at all, and the JDK would not tell it.
    for (String name : List.of("jdk.http.auth.tunneling", "jdk.http.auth.proxying")) {
      if (System.getProperty(name + ".disabledSchemes") == null) {
        System.setProperty(name + ".disabledSchemes", "");
      }
    }
  }

  private final HubSettings settings;
  private final HttpClient http;

  /// The hub counts requests by user, so all wait where one was told to; nanoseconds of
  /// `System.nanoTime()`.
  private final AtomicLong quietUntilNs = new AtomicLong(System.nanoTime());

  HubClient(HubSettings settings) {
    this.settings = settings;
    HttpClient.Builder builder =
        HttpClient.newBuilder()
            // One connection for each file: HTTP/2 would send all through the window of one.
            .version(HttpClient.Version.HTTP_1_1)
            .followRedirects(HttpClient.Redirect.NEVER)
            .connectTimeout(CONNECT_TIMEOUT)
            .proxy(settings.proxies());
    if (settings.certificates() != null) {
      builder.sslContext(settings.certificates().context());
    }
    this.http = builder.build();
  }

  /// An answer of status 2xx.
  ///
  /// @param hub the headers of the hub's own last answer, which name commit, hash and size even
  ///   where another host sends the bytes
  record Answer(int status, HttpHeaders headers, HttpHeaders hub, HubBody body)
      implements AutoCloseable {
    @Override
    public void close() {
      body.close();
    }
  }

  /// A request of the hub, tried once.
  ///
  /// @param range the header `Range`, null for all of it
  /// @throws TransientFailure where another try may help
  /// @throws HubException where none would
  Answer get(URI uri, @Nullable String range, TimeLimit limit)
      throws TransientFailure, HubException, InterruptedException {
    return send("GET", uri, range, limit);
  }

  /// What the hub says of a file without sending it; its redirect to another host is not followed.
  HttpHeaders head(URI uri, TimeLimit limit)
      throws TransientFailure, HubException, InterruptedException {
    try (Answer answer = send("HEAD", uri, null, limit)) {
      return answer.hub();
    }
  }

  private Answer send(String method, URI start, @Nullable String range, TimeLimit limit)
      throws TransientFailure, HubException, InterruptedException {
    URI uri = start;
    HttpHeaders hub = HttpHeaders.of(Map.of(), (_, _) -> true);
    for (int hops = 0; hops <= MOST_REDIRECTS; hops++) {
      waitForQuiet(limit);
      HttpResponse<HubBody> response = once(method, uri, range, limit);
      boolean ofHub = isHub(uri);
      hub = ofHub ? response.headers() : hub;
      int status = response.statusCode();
      if (status >= 200 && status < 300) {
        return new Answer(status, response.headers(), hub, response.body());
      }
      if (!REDIRECTS.contains(status)) {
        response.body().discard();
        throw refused(status, response.headers(), uri);
      }
      response.body().discard();
      URI next = location(uri, response.headers());
      if (method.equals("HEAD") && !isHub(next)) {
        return new Answer(status, response.headers(), hub, response.body());
      }
      uri = next;
    }
    throw new TransientFailure(shown(start) + " redirects too often");
  }

  private HttpResponse<HubBody> once(
      String method, URI uri, @Nullable String range, TimeLimit limit)
      throws TransientFailure, HubException, InterruptedException {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(uri)
            .method(method, HttpRequest.BodyPublishers.noBody())
            .header("User-Agent", "kerneltracer; java/" + Runtime.version().feature())
            .header("Accept-Encoding", "identity"); // the size and the hash are of the plain bytes
    if (settings.token() != null && isHub(uri)) {
      request.header("Authorization", settings.token().authorization());
    }
    if (range != null) {
      request.header("Range", range);
    }
    String proxy = settings.proxies().authorization(uri);
    if (proxy != null) {
      request.header("Proxy-Authorization", proxy); // the JDK shows it to a proxy alone
    }
    Duration patience = limit.atMost(settings.stallTimeout());
    CompletableFuture<HttpResponse<HubBody>> answer =
        http.sendAsync(request.build(), _ -> new HubBody());
    try {
      return answer.get(patience.toNanos(), TimeUnit.NANOSECONDS);
    } catch (TimeoutException e) {
      answer.cancel(true);
      limit.left();
      throw new TransientFailure(
          shown(uri) + " does not answer within " + Math.max(1, patience.toSeconds()) + " s");
    } catch (InterruptedException e) {
      answer.cancel(true);
      throw e;
    } catch (ExecutionException e) {
      String reason = "cannot reach " + shown(uri) + ": " + reason(e.getCause());
      if (causedBy(e, SSLHandshakeException.class)) {
        throw new HubException(
            DownloadEnd.Failure.UNREACHABLE,
            reason,
            "If a proxy of your network signs its own certificates, name its file in"
                + " SSL_CERT_FILE.");
      }
      boolean unreached =
          causedBy(e, ConnectException.class) || causedBy(e, HttpConnectTimeoutException.class);
      throw unreached ? TransientFailure.unreached(reason) : new TransientFailure(reason);
    }
  }

  /// What an answer other than 2xx means. The hub names the reason in a header.
  private Exception refusal(int status, HttpHeaders headers, URI uri) {
    String code = headers.firstValue("X-Error-Code").orElse("");
    String message = headers.firstValue("X-Error-Message").orElse("");
    String said = message.isEmpty() ? "" : " (" + printable(message) + ")";
    if (status == 408 || status == 429 || (status >= 500 && status != 501)) {
      Duration wait = askedWait(headers);
      if (status == 429 && wait != null) {
        quietUntilNs.accumulateAndGet(System.nanoTime() + wait.toNanos(), Math::max);
      }
      return new TransientFailure(shown(uri) + " answers " + status + said, wait);
    }
    if (!isHub(uri)) {
      // A signed address that has expired, or a bad day: the hub gives a new one.
      return new TransientFailure(shown(uri) + " answers " + status);
    }
    String login = settings.token() == null ? "Log in with `hf auth login` or set HF_TOKEN" : "";
    return switch (code) {
      case "GatedRepo" ->
          new HubException(
              DownloadEnd.Failure.GATED,
              "the model is gated" + said,
              settings.token() == null
                  ? "Accept its terms on its page; then log in with `hf auth login` or set HF_TOKEN."
                  : "Accept its terms on its page, with the account of " + settings.token() + ".");
      case "RevisionNotFound" ->
          new HubException(
              DownloadEnd.Failure.NOT_FOUND, "the hub knows no such revision of it", null);
      case "EntryNotFound" ->
          new HubException(DownloadEnd.Failure.NOT_FOUND, "no such file: " + shown(uri), null);
      case "RepoNotFound" -> noModel(login);
      default -> {
        if (message.equals("Access to this resource is disabled.")) {
          yield new HubException(
              DownloadEnd.Failure.NOT_FOUND, "the hub has disabled the model", null);
        }
        if (status == 401 && message.startsWith("Invalid")) {
          yield new HubException(
              DownloadEnd.Failure.BAD_TOKEN,
              "the hub does not accept " + settings.token() + said,
              "Log in again with `hf auth login`, or set another HF_TOKEN.");
        }
        if (status == 403) {
          yield new HubException(
              DownloadEnd.Failure.BAD_TOKEN,
              "the hub forbids it" + said,
              login.isEmpty() ? "The token needs the right to read this model." : login + ".");
        }
        if (status == 401 || status == 404) {
          yield noModel(login);
        }
        yield new HubException(
            DownloadEnd.Failure.UNREACHABLE,
            shown(uri) + " answers " + status + said,
            "Look whether HF_ENDPOINT is a hub.");
      }
    };
  }

  private HubException refused(int status, HttpHeaders headers, URI uri) throws TransientFailure {
    return switch (refusal(status, headers, uri)) {
      case TransientFailure failure -> throw failure;
      case HubException failure -> failure;
      case Exception failure -> throw new IllegalStateException(failure);
    };
  }

  private static HubException noModel(String login) {
    return new HubException(
        DownloadEnd.Failure.NOT_FOUND,
        "the hub knows no such model, or hides it as private",
        "Look at the spelling, org/name."
            + (login.isEmpty() ? "" : " " + login + " if it is private."));
  }

  private void waitForQuiet(TimeLimit limit) throws HubException, InterruptedException {
    long leftNs = quietUntilNs.get() - System.nanoTime();
    if (leftNs > 0) {
      limit.sleep(Duration.ofNanos(leftNs));
    }
  }

  /// `Retry-After` in seconds or as a date, else the time in `RateLimit: "api";r=0;t=55`.
  private static @Nullable Duration askedWait(HttpHeaders headers) {
    String after = headers.firstValue("Retry-After").orElse("").strip();
    if (after.matches("[0-9]{1,9}")) {
      return Duration.ofSeconds(Long.parseLong(after));
    }
    try {
      if (!after.isEmpty()) {
        ZonedDateTime until = ZonedDateTime.parse(after, DateTimeFormatter.RFC_1123_DATE_TIME);
        Duration wait = Duration.between(ZonedDateTime.now(until.getZone()), until);
        return wait.isNegative() ? Duration.ZERO : wait;
      }
    } catch (DateTimeParseException e) {
      // not a date either
    }
    Matcher limit = RATE_LIMIT.matcher(headers.firstValue("RateLimit").orElse(""));
    return limit.find() ? Duration.ofSeconds(Long.parseLong(limit.group(1))) : null;
  }

  private static URI location(URI from, HttpHeaders headers) throws TransientFailure {
    String text = headers.firstValue("Location").orElse("");
    try {
      URI to = from.resolve(text);
      boolean web = "https".equals(to.getScheme()) || "http".equals(to.getScheme());
      boolean downgrade = "https".equals(from.getScheme()) && "http".equals(to.getScheme());
      if (web && !downgrade && to.getHost() != null) {
        return to;
      }
    } catch (IllegalArgumentException e) {
      // told below
    }
    throw new TransientFailure(shown(from) + " redirects to nowhere");
  }

  /// Whether an address is of the origin (scheme, host and port) that the user chose as hub.
  private boolean isHub(URI uri) {
    return origin(uri).equals(origin(settings.endpoint()));
  }

  private static String origin(URI uri) {
    int standard = "https".equals(uri.getScheme()) ? 443 : 80;
    int port = uri.getPort() < 0 ? standard : uri.getPort();
    return uri.getScheme() + "://" + uri.getHost().toLowerCase(Locale.ROOT) + ":" + port;
  }

  /// An address without its query, which may be a signature.
  static String shown(URI uri) {
    return uri.getScheme() + "://" + uri.getRawAuthority() + uri.getRawPath();
  }

  /// Why a request failed, in words.
  static String reason(@Nullable Throwable failure) {
    return switch (failure) {
      case null -> "unknown";
      case UnknownHostException _ -> "no such host";
      case HttpTimeoutException _ -> "no connection within " + CONNECT_TIMEOUT.toSeconds() + " s";
      case ConnectException e -> {
        boolean unknown = e.getCause() != null && causedBy(e, UnresolvedAddressException.class);
        yield unknown ? "no such host" : "connection refused";
      }
      case ClosedChannelException _ -> "closed";
      case SSLException e ->
          "no secure connection (" + printable(String.valueOf(e.getMessage())) + ")";
      case IOException e -> printable(e.getMessage() == null ? "closed" : e.getMessage());
      default -> printable(failure.toString());
    };
  }

  private static boolean causedBy(Throwable failure, Class<?> kind) {
    for (@Nullable Throwable cause = failure; cause != null; cause = cause.getCause()) {
      if (kind.isInstance(cause)) {
        return true;
      }
    }
    return false;
  }

  /// What a server says goes to a terminal and into status files.
  private static String printable(String text) {
    String clean = text.replaceAll("\\p{Cntrl}+", " ").strip();
    return clean.length() <= 200 ? clean : clean.substring(0, 200) + "…";
  }

  @Override
  public void close() {
    http.shutdownNow();
  }
}
