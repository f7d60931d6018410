package dev.kerneltracer.serve;

import dev.kerneltracer.ExitCode;
import dev.kerneltracer.UserException;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// What is asked of a server beside its load: health, models, metrics, the profiler. Nothing is
/// asked of any other host: redirects are not followed.
public final class ServerConnection implements AutoCloseable {
  static final Duration SHORT = Duration.ofSeconds(10);

  private static final JsonMapper JSON = new JsonMapper();

  private final URI url;
  private final @Nullable String apiKey;
  private final HttpClient client;

  /// Connects when it is asked for something.
  ///
  /// @param url `http://host:port`, with a path where the server lies below one
  public ServerConnection(URI url, @Nullable String apiKey) {
    this.url = url;
    this.apiKey = apiKey;
    this.client =
        HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .connectTimeout(SHORT)
            .followRedirects(HttpClient.Redirect.NEVER)
            .build();
  }

  /// What came back.
  ///
  /// @param status 0 where there was no answer
  /// @param body the text, or why there was no answer
  public record Answer(int status, String body) {
    public boolean isOk() {
      return status == 200;
    }
  }

  /// A model that the server serves.
  ///
  /// @param maxModelLen its longest sequence in tokens, 0 where the server does not say
  public record Model(String name, int maxModelLen) {}

  public URI url() {
    return url;
  }

  public Answer get(String path, Duration limit) throws InterruptedException {
    return answer(client.sendAsync(request(path, limit).GET().build(), bodies()));
  }

  public Answer post(String path, String json, Duration limit) throws InterruptedException {
    HttpRequest request =
        request(path, limit)
            .header("Content-Type", "application/json")
            .POST(HttpRequest.BodyPublishers.ofString(json))
            .build();
    return answer(client.sendAsync(request, bodies()));
  }

  /// Posts nothing, and waits for no answer.
  CompletableFuture<Answer> begin(String path, Duration limit) {
    return client
        .sendAsync(request(path, limit).POST(HttpRequest.BodyPublishers.noBody()).build(), bodies())
        .handle(ServerConnection::answer);
  }

  /// The text of `/metrics`; null where there is none to be had.
  @Nullable String metrics() throws InterruptedException {
    Answer answer = get("/metrics", SHORT);
    return answer.isOk() ? answer.body() : null;
  }

  /// The first model that the server serves.
  ///
  /// @throws UserException where it does not answer, wants a key, or is no such server
  public Model model() throws InterruptedException {
    Answer answer = get("/v1/models", SHORT);
    switch (answer.status()) {
      case 200 -> {}
      case 0 ->
          throw new UserException(
              ExitCode.ENVIRONMENT,
              "no answer from " + url + ": " + answer.body(),
              "Is the server running there, and reachable from here?");
      case 401, 403 ->
          throw new UserException(
              ExitCode.USAGE,
              url
                  + " wants "
                  + (apiKey == null ? "a key" : "another key")
                  + " ("
                  + answer.status()
                  + ")",
              "Give it by --api-key, or by the variable OPENAI_API_KEY.");
      default ->
          throw new UserException(
              ExitCode.ENVIRONMENT,
              url
                  + "/v1/models answered "
                  + answer.status()
                  + ": is it an OpenAI-compatible server?",
              "Give the URL without /v1, as http://host:8000.");
    }
    JsonNode first;
    try {
      first = JSON.readTree(answer.body()).path("data").path(0);
    } catch (JacksonException e) {
      first = JSON.createObjectNode();
    }
    String name = first.path("id").asString("");
    if (name.isEmpty()) {
      throw new UserException(
          ExitCode.ENVIRONMENT,
          url + "/v1/models names no model",
          "Is it an OpenAI-compatible server?");
    }
    return new Model(name, first.path("max_model_len").asInt(0));
  }

  private HttpRequest.Builder request(String path, Duration limit) {
    String base = url.toString();
    HttpRequest.Builder builder =
        HttpRequest.newBuilder(
                URI.create(
                    (base.endsWith("/") ? base.substring(0, base.length() - 1) : base) + path))
            .timeout(limit);
    if (apiKey != null) {
      builder.header("Authorization", "Bearer " + apiKey);
    }
    return builder;
  }

  private static HttpResponse.BodyHandler<String> bodies() {
    return HttpResponse.BodyHandlers.ofString();
  }

  private static Answer answer(CompletableFuture<HttpResponse<String>> sent)
      throws InterruptedException {
    try {
      return sent.handle(ServerConnection::answer).get();
    } catch (java.util.concurrent.ExecutionException e) {
      throw new IllegalStateException(e);
    }
  }

  private static Answer answer(
      @Nullable HttpResponse<String> response, @Nullable Throwable failure) {
    if (response != null) {
      return new Answer(response.statusCode(), response.body());
    }
    Throwable cause = failure;
    while (cause != null && !(cause instanceof IOException) && cause.getCause() != null) {
      cause = cause.getCause();
    }
    return new Answer(0, reason(cause));
  }

  private static String reason(@Nullable Throwable cause) {
    return switch (cause) {
      case java.net.http.HttpConnectTimeoutException _ -> "no connection in time";
      case java.net.http.HttpTimeoutException _ -> "no answer in time";
      case java.net.ConnectException e when e.getMessage() == null -> "no connection";
      case null -> "no answer";
      default -> cause.getMessage() == null ? cause.getClass().getSimpleName() : cause.getMessage();
    };
  }

  @Override
  public void close() {
    client.shutdownNow();
  }
}
