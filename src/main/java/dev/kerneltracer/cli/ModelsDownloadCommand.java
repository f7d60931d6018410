package dev.kerneltracer.cli;

import dev.kerneltracer.ExitCode;
import dev.kerneltracer.UserException;
import dev.kerneltracer.batch.ModelList;
import dev.kerneltracer.model.DownloadEnd;
import dev.kerneltracer.model.FileSelection;
import dev.kerneltracer.model.HubCache;
import dev.kerneltracer.model.HubDownload;
import dev.kerneltracer.model.HubSettings;
import dev.kerneltracer.report.Amount;
import dev.kerneltracer.report.JsonFile;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.core.JsonGenerator;

/// `models download`: brings models of the hub into the Hugging Face cache.
@Command(
    name = "download",
    description = {
      "Download models into the Hugging Face cache, or bring them up to date there.",
      "Taken are configuration, tokenizer, Python code and the weights once (safetensors, else"
          + " .bin). An interrupted download goes on where it stopped. HF_ENDPOINT, HF_TOKEN,"
          + " HF_HOME, HF_HUB_CACHE, HF_HUB_OFFLINE and the proxy variables hold as for"
          + " huggingface_hub."
    },
    mixinStandardHelpOptions = true,
    sortOptions = false,
    footerHeading = "%nExamples:%n",
    footer = {
      "  kerneltracer models download Qwen/Qwen3-0.6B openai-community/gpt2",
      "  kerneltracer models download --model-list models.txt --download-workers 8",
      "  kerneltracer models download org/name --revision v1.0",
      "  kerneltracer models download org/name --include '*.json' --exclude 'onnx/'"
    })
final class ModelsDownloadCommand implements Callable<Integer> {
  private static final long POLL_MILLIS = 250;
  private static final long LONGEST_TIMEOUT_SECONDS = 31_536_000;
  static final int MOST_WORKERS = 64;

  @Parameters(paramLabel = "NAME", arity = "0..*", description = "A model of the hub, as org/name.")
  private List<String> names = new ArrayList<>();

  @Option(
      names = "--model-list",
      paramLabel = "FILE",
      description = "A file of models, one a line, as for trace. Repeatable.")
  private List<Path> lists = new ArrayList<>();

  @Option(
      names = "--revision",
      paramLabel = "REV",
      defaultValue = HubDownload.DEFAULT_REVISION,
      description = "A branch, tag or commit (default: ${DEFAULT-VALUE}).")
  private String revision = HubDownload.DEFAULT_REVISION;

  @Option(
      names = "--include",
      paramLabel = "GLOB",
      description = "Take these files instead of the usual choice. Repeatable.")
  private List<String> include = new ArrayList<>();

  @Option(
      names = "--exclude",
      paramLabel = "GLOB",
      description = "Leave these files out. Repeatable.")
  private List<String> exclude = new ArrayList<>();

  @Option(
      names = "--verify",
      description = "Hash also what is there already, and fetch again what is damaged.")
  private boolean verify;

  @Option(
      names = "--download-workers",
      paramLabel = "N",
      description = "Files that are fetched at once (default: ${DEFAULT-VALUE}).")
  private int workers = HubDownload.DEFAULT_WORKERS;

  @Option(
      names = "--timeout",
      paramLabel = "SECONDS",
      description = "For each model (default: ${DEFAULT-VALUE}).")
  private long timeoutSeconds = HubDownload.DEFAULT_TIMEOUT.toSeconds();

  @Option(
      names = "--format",
      paramLabel = "FORMAT",
      description = "${COMPLETION-CANDIDATES} (default: ${DEFAULT-VALUE}).")
  private OutputFormat format = OutputFormat.TABLE;

  @Option(
      names = {"-q", "--quiet"},
      description = "No progress on standard error.")
  private boolean quiet;

  @Override
  public Integer call() throws InterruptedException {
    if (timeoutSeconds < 1 || timeoutSeconds > LONGEST_TIMEOUT_SECONDS) {
      throw new UserException(
          ExitCode.USAGE, "--timeout is from 1 second to a year (31536000)", null);
    }
    if (workers < 1 || workers > MOST_WORKERS) {
      throw new UserException(
          ExitCode.USAGE, "--download-workers is from 1 to " + MOST_WORKERS, null);
    }
    List<String> wanted = wanted();
    FileSelection selection = new FileSelection(include, exclude, true);
    List<HubDownload.Request> requests =
        wanted.stream()
            .map(name ->
                new HubDownload.Request(
                    name, revision, selection, verify, Duration.ofSeconds(timeoutSeconds)))
            .toList();
    List<DownloadEnd> ends;
    try {
      ends = download(requests);
    } catch (InterruptedException e) {
      System.err.println(
          "kerneltracer: interrupted; the same command goes on where this one stopped.");
      return ExitCode.INTERRUPTED.code();
    }
    switch (format) {
      case TABLE -> ends.forEach(ModelsDownloadCommand::print);
      case JSON -> JsonFile.print(System.out, json -> write(json, ends));
    }
    boolean all = ends.stream().allMatch(end -> end instanceof DownloadEnd.Complete);
    return (all ? ExitCode.OK : ExitCode.JOBS_FAILED).code();
  }

  /// The models named, each once. What trace needs no hub for is passed over in a list.
  private List<String> wanted() {
    List<String> all = new ArrayList<>(names);
    for (Path list : lists) {
      ModelList.read(list).stream()
          .filter(name -> !name.startsWith("type:") && !name.matches("\\.{0,2}/.*"))
          .forEach(all::add);
    }
    if (all.isEmpty()) {
      throw new UserException(
          ExitCode.USAGE,
          "models download needs a NAME" + (lists.isEmpty() ? "" : ", and the list has none"),
          "As in: kerneltracer models download Qwen/Qwen3-0.6B");
    }
    return ModelList.choose(all, List.of(), HubCache.of(System.getenv())::names);
  }

  /// All at once, as far as the workers go; the ends in the order of the requests.
  private List<DownloadEnd> download(List<HubDownload.Request> requests)
      throws InterruptedException {
    HubSettings settings = HubSettings.of(System.getenv());
    HubCache cache = HubCache.of(System.getenv());
    String title = requests.size() == 1 ? requests.getFirst().name() : requests.size() + " models";
    try (ProgressLine line = ProgressLine.start(title, quiet);
        HubDownload download = new HubDownload(settings, cache, workers);
        ExecutorService threads =
            Executors.newFixedThreadPool(Math.min(workers, requests.size()))) {
      try {
        line.show("asking " + settings.endpoint().getHost());
        List<Future<DownloadEnd>> running = new ArrayList<>();
        for (HubDownload.Request request : requests) {
          running.add(threads.submit(() -> download.fetch(request)));
        }
        List<DownloadEnd> ends = new ArrayList<>();
        for (Future<DownloadEnd> future : running) {
          ends.add(await(future, () -> DownloadText.show(line, download.progress())));
        }
        return ends;
      } finally {
        threads.shutdownNow();
      }
    }
  }

  private static DownloadEnd await(Future<DownloadEnd> future, Runnable meanwhile)
      throws InterruptedException {
    while (true) {
      try {
        return future.get(POLL_MILLIS, TimeUnit.MILLISECONDS);
      } catch (TimeoutException e) {
        meanwhile.run();
      } catch (ExecutionException e) {
        throw new IllegalStateException(e.getCause());
      }
    }
  }

  private static void print(DownloadEnd end) {
    switch (end) {
      case DownloadEnd.Complete complete -> {
        System.out.println(complete.directory());
        String fetched =
            complete.fetchedBytes() == 0
                ? "all was there"
                : Amount.bytes(complete.fetchedBytes()) + " fetched";
        System.err.printf(
            "%s: complete, %d files, %s (%s)%n",
            complete.name(), complete.files(), Amount.bytes(complete.bytes()), fetched);
        complete.warnings().forEach(w -> System.err.println(complete.name() + ": note: " + w));
      }
      case DownloadEnd.Failed failed -> {
        System.err.println("kerneltracer: " + failed.name() + ": " + failed.reason());
        if (failed.hint() != null) {
          System.err.println(failed.hint());
        }
      }
    }
  }

  private static void write(JsonGenerator json, List<DownloadEnd> ends) {
    json.writeStartObject();
    json.writeArrayPropertyStart("models");
    for (DownloadEnd end : ends) {
      json.writeStartObject();
      json.writeStringProperty("name", end.name());
      switch (end) {
        case DownloadEnd.Complete complete -> {
          json.writeStringProperty("outcome", "success");
          json.writeStringProperty("revision", complete.commit());
          json.writeStringProperty("directory", complete.directory().toString());
          json.writeNumberProperty("files", complete.files());
          json.writeNumberProperty("bytes", complete.bytes());
          json.writeNumberProperty("fetched_bytes", complete.fetchedBytes());
          json.writeArrayPropertyStart("warnings");
          complete.warnings().forEach(json::writeString);
          json.writeEndArray();
        }
        case DownloadEnd.Failed failed -> {
          json.writeStringProperty("outcome", failed.failure().text());
          json.writeStringProperty("reason", failed.reason());
          json.writeStringProperty("hint", failed.hint());
        }
      }
      json.writeEndObject();
    }
    json.writeEndArray();
    json.writeEndObject();
  }
}
