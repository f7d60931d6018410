package dev.kerneltracer.model;

import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpHeaders;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// A model's revision on the hub: its commit and its files with their sizes and hashes.
///
/// @param commit 40 hexadecimal digits
record HubListing(String commit, List<HubFile> files) {
  private static final JsonMapper JSON = new JsonMapper();
  private static final int LONGEST_ANSWER = 64 << 20;
  private static final int MOST_PAGES = 1000;
  private static final Pattern COMMIT = Pattern.compile("[0-9a-f]{40}");
  private static final Pattern ETAG = Pattern.compile("[A-Za-z0-9_-][A-Za-z0-9._-]{0,150}");
  private static final Pattern NEXT = Pattern.compile("<([^>]+)>\\s*;[^,]*rel=\"?next\"?");

  /// Asks the hub, as huggingface_hub does: what the revision is, then what it holds. A mirror that
  /// cannot list a tree is asked for the names in the first answer, and for each file alone.
  static HubListing of(
      HubClient client,
      HubSettings settings,
      String name,
      String revision,
      FileSelection selection,
      TimeLimit limit,
      Consumer<String> tell)
      throws HubException, InterruptedException {
    Asking asking = new Asking(client, settings, limit, tell);
    String models = settings.endpoint() + "/api/models/" + name;
    JsonNode model = asking.json(URI.create(models + "/revision/" + encoded(revision))).body();
    String commit = model.path("sha").asString("");
    if (!COMMIT.matcher(commit).matches()) {
      throw new HubException(
          DownloadEnd.Failure.UNREACHABLE,
          HubClient.shown(settings.endpoint()) + " does not answer as a hub does: no commit",
          "Look whether HF_ENDPOINT is a hub, and whether a proxy answers in its place.");
    }
    try {
      return new HubListing(commit, tree(asking, models + "/tree/" + commit + "?recursive=true"));
    } catch (HubException e) {
      List<String> names = new ArrayList<>();
      for (JsonNode sibling : model.path("siblings")) {
        names.add(sibling.path("rfilename").asString(""));
      }
      if (names.isEmpty() || e.failure() == DownloadEnd.Failure.GATED) {
        throw e;
      }
      List<HubFile> files = new ArrayList<>();
      for (String path : selection.of(names)) {
        files.add(asking.file(path, resolve(settings, name, commit, path)));
      }
      return new HubListing(commit, files);
    }
  }

  /// Where a file's bytes are asked for.
  static URI resolve(HubSettings settings, String name, String commit, String path) {
    StringBuilder uri = new StringBuilder(settings.endpoint() + "/" + name + "/resolve/" + commit);
    for (String part : path.split("/", -1)) {
      uri.append('/').append(encoded(part));
    }
    return URI.create(uri.toString());
  }

  private static List<HubFile> tree(Asking asking, String first)
      throws HubException, InterruptedException {
    List<HubFile> files = new ArrayList<>();
    URI page = URI.create(first);
    for (int i = 0; page != null && i < MOST_PAGES; i++) {
      Asking.Json json = asking.json(page);
      for (JsonNode entry : json.body()) {
        if (entry.path("type").asString("").equals("file")) {
          JsonNode lfs = entry.path("lfs");
          files.add(
              file(
                  entry.path("path").asString(""),
                  lfs.isObject() ? lfs.path("size").asLong(-1) : entry.path("size").asLong(-1),
                  lfs.isObject() ? lfs.path("oid").asString("") : entry.path("oid").asString("")));
        }
      }
      page = next(page, json.headers());
    }
    return files;
  }

  /// A file whose name and hash may become paths of the cache.
  private static HubFile file(String path, long sizeBytes, String etag) throws HubException {
    boolean safe = !path.isEmpty() && path.length() < 1000 && path.indexOf('\0') < 0;
    for (String part : path.split("/", -1)) {
      safe &= !part.isEmpty() && !part.equals(".") && !part.equals("..");
    }
    if (!safe || sizeBytes < 0 || !ETAG.matcher(etag).matches()) {
      throw new HubException(
          DownloadEnd.Failure.CORRUPT,
          "the hub lists a file of impossible name, size or hash: " + path,
          null);
    }
    return new HubFile(path, sizeBytes, etag);
  }

  private static @Nullable URI next(URI page, HttpHeaders headers) {
    for (String link : headers.allValues("Link")) {
      Matcher next = NEXT.matcher(link);
      if (next.find()) {
        // A mirror may pass on the hub's own address: only path and query of it count.
        URI uri = URI.create(next.group(1));
        return page.resolve(
            uri.getRawQuery() == null
                ? page.getRawPath()
                : page.getRawPath() + "?" + uri.getRawQuery());
      }
    }
    return null;
  }

  private static String encoded(String text) {
    return URLEncoder.encode(text, StandardCharsets.UTF_8).replace("+", "%20");
  }

  /// Requests with their tries.
  private record Asking(
      HubClient client, HubSettings settings, TimeLimit limit, Consumer<String> tell) {
    record Json(JsonNode body, HttpHeaders headers) {}

    Json json(URI uri) throws HubException, InterruptedException {
      Retries retries = new Retries(settings.firstWait(), limit, tell);
      while (true) {
        try (HubClient.Answer answer = client.get(uri, null, limit)) {
          byte[] body = answer.body().all(limit.atMost(settings.stallTimeout()), LONGEST_ANSWER);
          return new Json(JSON.readTree(body), answer.headers());
        } catch (JacksonException e) {
          retries.waitAfter(new TransientFailure(HubClient.shown(uri) + " answers no JSON"));
        } catch (TransientFailure e) {
          retries.waitAfter(e);
        }
      }
    }

    HubFile file(String path, URI uri) throws HubException, InterruptedException {
      Retries retries = new Retries(settings.firstWait(), limit, tell);
      while (true) {
        try {
          HttpHeaders headers = client.head(uri, limit);
          String etag =
              headers
                  .firstValue("X-Linked-Etag")
                  .or(() -> headers.firstValue("ETag"))
                  .orElse("")
                  .replaceAll("^W/|\"", "");
          String size =
              headers
                  .firstValue("X-Linked-Size")
                  .or(() -> headers.firstValue("Content-Length"))
                  .orElse("");
          return HubListing.file(
              path, size.matches("[0-9]{1,18}") ? Long.parseLong(size) : -1, etag);
        } catch (TransientFailure e) {
          retries.waitAfter(e);
        }
      }
    }
  }
}
