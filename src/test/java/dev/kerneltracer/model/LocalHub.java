package dev.kerneltracer.model;

import com.sun.net.httpserver.Headers;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsServer;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.net.ssl.SSLContext;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// A model hub on this machine that speaks the hub's protocol and misbehaves as told: large files
/// come from a second server, which must never see the token.
public final class LocalHub implements AutoCloseable {
  private static final JsonMapper JSON = new JsonMapper();
  private static final Pattern API =
      Pattern.compile("/api/models/(.+?)(?:/(revision|tree)/([^/]+)(/.+)?)?");
  private static final Pattern RESOLVE = Pattern.compile("/(.+?)/resolve/([^/]+)/(.+)");
  private static final Pattern RANGE = Pattern.compile("bytes=(\\d+)-(\\d*)");
  private static final int PAGE = 3;

  /// What goes wrong with one answer.
  public sealed interface Fault {
    /// The connection breaks off after so many bytes.
    record BreakOff(int afterBytes) implements Fault {}

    /// Nothing more comes after so many bytes, and the connection stays.
    record Stall(int afterBytes) implements Fault {}

    /// The bytes come in small pieces.
    record Slow(int pieceBytes, Duration pause) implements Fault {}

    /// As many other bytes.
    record Garbage() implements Fault {}

    /// Ten bytes more than there are.
    record TooLong() implements Fault {}

    /// All of it, whatever was asked for.
    record IgnoreRange(@Nullable Integer breakOffAfterBytes) implements Fault {}

    /// An error.
    record Status(int code, Map<String, String> headers) implements Fault {}
  }

  /// What a server has seen.
  public record Seen(
      boolean ofStore,
      String method,
      String path,
      @Nullable String token,
      @Nullable String range) {}

  @SuppressWarnings("ArrayRecordComponent") // nobody compares these
  private record StoredFile(byte[] content, String gitSha1, String sha256, boolean large) {}

  private record Revision(String commit, Map<String, StoredFile> files) {}

  private final String scheme;
  private final HttpServer hub;
  private final HttpServer store;
  private final ExecutorService threads = Executors.newCachedThreadPool();
  private final Map<String, Map<String, Revision>> models = new ConcurrentHashMap<>();
  private final Map<String, Deque<Fault>> faults = new ConcurrentHashMap<>();
  private final Map<String, AtomicLong> sentBytes = new ConcurrentHashMap<>();
  private final Map<String, String> gated = new ConcurrentHashMap<>();
  private final Map<String, Long> claimedBytes = new ConcurrentHashMap<>();
  private final List<Seen> seen = new CopyOnWriteArrayList<>();
  private volatile boolean withoutTree;
  private volatile String storeHost = "localhost";

  public LocalHub() {
    this(null);
  }

  /// With TLS.
  public LocalHub(@Nullable SSLContext tls) {
    System.setProperty("sun.net.httpserver.nodelay", "true");
    scheme = tls == null ? "http" : "https";
    hub = server(tls);
    store = server(tls);
    hub.createContext("/", exchange -> handle(exchange, false));
    store.createContext("/", exchange -> handle(exchange, true));
    for (HttpServer server : List.of(hub, store)) {
      server.setExecutor(threads);
      server.start();
    }
  }

  private static HttpServer server(@Nullable SSLContext tls) {
    InetSocketAddress any = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
    try {
      if (tls == null) {
        return HttpServer.create(any, 50);
      }
      HttpsServer server = HttpsServer.create(any, 50);
      server.setHttpsConfigurator(new HttpsConfigurator(tls));
      return server;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  public String endpoint() {
    return scheme + "://127.0.0.1:" + hub.getAddress().getPort();
  }

  /// Publishes a commit of a model as its branch or tag; returns the commit.
  public String publish(String name, String branch, Map<String, byte[]> files) {
    Map<String, StoredFile> stored = new TreeMap<>();
    StringBuilder all = new StringBuilder(name);
    files.forEach((path, content) -> {
      String size = "blob " + content.length + "\0";
      String gitSha1 = hex("SHA-1", size.getBytes(StandardCharsets.US_ASCII), content);
      boolean large = path.matches(".*\\.(safetensors|bin|gguf|onnx)|tokenizer\\.json");
      stored.put(path, new StoredFile(content, gitSha1, hex("SHA-256", content), large));
      all.append(path).append(gitSha1);
    });
    String commit = hex("SHA-1", all.toString().getBytes(StandardCharsets.UTF_8));
    Revision revision = new Revision(commit, stored);
    Map<String, Revision> revisions = models.computeIfAbsent(name, _ -> new ConcurrentHashMap<>());
    revisions.put(branch, revision);
    revisions.put(commit, revision);
    return commit;
  }

  /// The next answers that carry this file's bytes go wrong, one fault each.
  public LocalHub plan(String path, Fault... next) {
    faults.computeIfAbsent(path, _ -> new ArrayDeque<>()).addAll(List.of(next));
    return this;
  }

  /// Only this token may read the model's files.
  public void gate(String name, String token) {
    gated.put(name, token);
  }

  /// The listing says another size of a file.
  public void claimSize(String path, long bytes) {
    claimedBytes.put(path, bytes);
  }

  /// A mirror of the old kind.
  public void forgetTree() {
    withoutTree = true;
  }

  public void storeOn(String host) {
    storeHost = host;
  }

  /// The bytes of a file's content that have been sent in all.
  public long sentBytes(String path) {
    return sentBytes.getOrDefault(path, new AtomicLong()).get();
  }

  public List<Seen> seen() {
    return seen;
  }

  /// Requests for a file's content.
  public long gets(String path) {
    return seen.stream()
        .filter(request -> request.method().equals("GET") && request.path().endsWith("/" + path))
        .filter(request -> request.ofStore() || !isLarge(path))
        .count();
  }

  private boolean isLarge(String path) {
    return models.values().stream()
        .flatMap(revisions -> revisions.values().stream())
        .map(revision -> revision.files().get(path))
        .anyMatch(file -> file != null && file.large());
  }

  @Override
  public void close() {
    hub.stop(0);
    store.stop(0);
    threads.shutdownNow();
  }

  private void handle(HttpExchange exchange, boolean ofStore) throws IOException {
    String path = exchange.getRequestURI().getPath();
    Headers headers = exchange.getRequestHeaders();
    seen.add(
        new Seen(
            ofStore,
            exchange.getRequestMethod(),
            path,
            headers.getFirst("Authorization"),
            headers.getFirst("Range")));
    try (exchange) {
      Matcher api = API.matcher(path);
      Matcher resolve = RESOLVE.matcher(path);
      if (ofStore && headers.containsKey("Authorization")) {
        status(exchange, 400, Map.of("X-Error-Message", "two ways to sign in"));
      } else if (ofStore) {
        fromStore(exchange, path);
      } else if (api.matches()) {
        api(exchange, api);
      } else if (resolve.matches()) {
        resolve(exchange, resolve.group(1), resolve.group(2), resolve.group(3));
      } else {
        status(exchange, 404, Map.of());
      }
    }
  }

  private void api(HttpExchange exchange, Matcher api) throws IOException {
    Fault fault = next("api");
    if (fault instanceof Fault.Status status) {
      status(exchange, status.code(), status.headers());
      return;
    }
    String name = api.group(1);
    boolean tree = "tree".equals(api.group(2));
    String wanted = api.group(3) == null ? "main" : api.group(3);
    Revision revision = revision(exchange, name, wanted);
    if (revision == null) {
      return;
    }
    if (api.group(4) != null) { // a folder of it
      status(exchange, 404, Map.of("X-Error-Code", "EntryNotFound"));
      return;
    }
    if (tree && withoutTree) {
      status(exchange, 404, Map.of());
      return;
    }
    if (tree) {
      tree(exchange, name, revision);
      return;
    }
    ObjectNode model = JSON.createObjectNode().put("id", name).put("sha", revision.commit());
    ArrayNode siblings = model.putArray("siblings");
    revision.files().keySet().forEach(path -> siblings.addObject().put("rfilename", path));
    json(exchange, model.toString());
  }

  private void tree(HttpExchange exchange, String name, Revision revision) throws IOException {
    String query = String.valueOf(exchange.getRequestURI().getQuery());
    Matcher cursor = Pattern.compile("cursor=(\\d+)").matcher(query);
    int from = cursor.find() ? Integer.parseInt(cursor.group(1)) : 0;
    List<String> paths = new ArrayList<>(revision.files().keySet());
    ArrayNode page = JSON.createArrayNode();
    page.addObject()
        .put("type", "directory")
        .put("oid", "0")
        .put("size", 0)
        .put("path", "x" + from);
    for (String path : paths.subList(from, Math.min(paths.size(), from + PAGE))) {
      StoredFile file = Objects.requireNonNull(revision.files().get(path));
      ObjectNode entry =
          page.addObject()
              .put("type", "file")
              .put("oid", file.gitSha1())
              .put("size", file.content().length)
              .put("path", path);
      if (file.large()) {
        entry
            .put("oid", hex("SHA-1", file.sha256().getBytes(StandardCharsets.US_ASCII)))
            .putObject("lfs")
            .put("oid", file.sha256())
            .put("size", claimedBytes.getOrDefault(path, (long) file.content().length))
            .put("pointerSize", 134);
      }
    }
    if (from + PAGE < paths.size()) {
      String next =
          endpoint()
              + "/api/models/"
              + name
              + "/tree/"
              + revision.commit()
              + "?recursive=true&cursor="
              + (from + PAGE);
      exchange.getResponseHeaders().set("Link", "<" + next + ">; rel=\"next\"");
    }
    json(exchange, page.toString());
  }

  private void resolve(HttpExchange exchange, String name, String wanted, String path)
      throws IOException {
    Revision revision = revision(exchange, name, wanted);
    if (revision == null) {
      return;
    }
    String token = exchange.getRequestHeaders().getFirst("Authorization");
    String needed = gated.get(name);
    if (needed != null && !("Bearer " + needed).equals(token)) {
      status(exchange, token == null ? 401 : 403, Map.of("X-Error-Code", "GatedRepo"));
      return;
    }
    StoredFile file = revision.files().get(path);
    exchange.getResponseHeaders().set("X-Repo-Commit", revision.commit());
    if (file == null) {
      status(exchange, 404, Map.of("X-Error-Code", "EntryNotFound"));
      return;
    }
    String etag = file.large() ? file.sha256() : file.gitSha1();
    if (file.large()) {
      exchange.getResponseHeaders().set("X-Linked-Etag", '"' + etag + '"');
      exchange.getResponseHeaders().set("X-Linked-Size", "" + file.content().length);
      int port = store.getAddress().getPort();
      exchange
          .getResponseHeaders()
          .set(
              "Location",
              scheme
                  + "://"
                  + storeHost
                  + ":"
                  + port
                  + "/"
                  + etag
                  + "/"
                  + path
                  + "?signature=s3cret");
      exchange.sendResponseHeaders(302, -1);
      return;
    }
    exchange.getResponseHeaders().set("ETag", '"' + etag + '"');
    send(exchange, path, file.content());
  }

  private void fromStore(HttpExchange exchange, String path) throws IOException {
    String sha256 = path.split("/", -1)[1];
    for (Map<String, Revision> revisions : models.values()) {
      for (Revision revision : revisions.values()) {
        for (Map.Entry<String, StoredFile> entry : revision.files().entrySet()) {
          if (entry.getValue().sha256().equals(sha256)) {
            send(exchange, path.substring(sha256.length() + 2), entry.getValue().content());
            return;
          }
        }
      }
    }
    status(exchange, 404, Map.of());
  }

  /// Null where the answer has been given: there is no such thing.
  private @Nullable Revision revision(HttpExchange exchange, String name, String wanted)
      throws IOException {
    Map<String, Revision> revisions = models.get(name);
    if (revisions == null) {
      // As the hub does it: who is not logged in is told that he might have to.
      boolean known = exchange.getRequestHeaders().containsKey("Authorization");
      status(exchange, known ? 404 : 401, Map.of("X-Error-Code", "RepoNotFound"));
      return null;
    }
    Revision revision = revisions.get(wanted);
    if (revision == null) {
      status(exchange, 404, Map.of("X-Error-Code", "RevisionNotFound"));
    }
    return revision;
  }

  private void send(HttpExchange exchange, String path, byte[] content) throws IOException {
    if (exchange.getRequestMethod().equals("HEAD")) {
      exchange.getResponseHeaders().set("Content-Length", "" + content.length);
      exchange.sendResponseHeaders(200, -1);
      return;
    }
    Fault fault = next(path);
    if (fault instanceof Fault.Status status) {
      status(exchange, status.code(), status.headers());
      return;
    }
    Matcher range = RANGE.matcher(String.valueOf(exchange.getRequestHeaders().getFirst("Range")));
    boolean part = range.matches() && !(fault instanceof Fault.IgnoreRange);
    int from = part ? Integer.parseInt(range.group(1)) : 0;
    int to =
        part && !range.group(2).isEmpty()
            ? Math.min(content.length, Integer.parseInt(range.group(2)) + 1)
            : content.length;
    byte[] bytes = Arrays.copyOfRange(content, from, to);
    if (fault instanceof Fault.Garbage) {
      bytes[bytes.length / 2] ^= 1;
    }
    if (fault instanceof Fault.TooLong) {
      bytes = Arrays.copyOf(bytes, bytes.length + 10);
    }
    if (part) {
      exchange
          .getResponseHeaders()
          .set("Content-Range", "bytes " + from + "-" + (to - 1) + "/" + content.length);
    }
    exchange.sendResponseHeaders(part ? 206 : 200, bytes.length == 0 ? -1 : bytes.length);
    write(exchange, path, bytes, fault);
  }

  private void write(HttpExchange exchange, String path, byte[] bytes, @Nullable Fault fault)
      throws IOException {
    int piece = fault instanceof Fault.Slow slow ? slow.pieceBytes() : 1 << 14;
    int end =
        switch (fault) {
          case Fault.BreakOff breakOff -> breakOff.afterBytes();
          case Fault.Stall stall -> stall.afterBytes();
          case Fault.IgnoreRange ignore when ignore.breakOffAfterBytes() != null ->
              ignore.breakOffAfterBytes();
          case null, default -> bytes.length;
        };
    AtomicLong sent = sentBytes.computeIfAbsent(path, _ -> new AtomicLong());
    OutputStream out = exchange.getResponseBody();
    try {
      for (int at = 0; at < end; at += piece) {
        int length = Math.min(piece, end - at);
        out.write(bytes, at, length);
        out.flush();
        sent.addAndGet(length);
        if (fault instanceof Fault.Slow slow) {
          Thread.sleep(slow.pause());
        }
      }
      if (fault instanceof Fault.Stall) {
        Thread.sleep(Duration.ofMinutes(1));
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    if (end < bytes.length) {
      throw new IOException("broken off as planned");
    }
  }

  private @Nullable Fault next(String path) {
    Deque<Fault> planned = faults.get(path);
    if (planned == null) {
      return null;
    }
    synchronized (planned) {
      return planned.poll();
    }
  }

  private static void status(HttpExchange exchange, int code, Map<String, String> headers)
      throws IOException {
    headers.forEach(exchange.getResponseHeaders()::set);
    exchange.sendResponseHeaders(code, -1);
  }

  private static void json(HttpExchange exchange, String text) throws IOException {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    exchange.getResponseHeaders().set("Content-Type", "application/json");
    exchange.sendResponseHeaders(200, bytes.length);
    exchange.getResponseBody().write(bytes);
  }

  static String hex(String algorithm, byte[]... parts) {
    try {
      MessageDigest digest = MessageDigest.getInstance(algorithm);
      for (byte[] part : parts) {
        digest.update(part);
      }
      return HexFormat.of().formatHex(digest.digest());
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  /// For settings that are made of it.
  public URI uri() {
    return URI.create(endpoint());
  }
}
