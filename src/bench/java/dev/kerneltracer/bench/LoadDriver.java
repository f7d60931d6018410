package dev.kerneltracer.bench;

import dev.kerneltracer.load.LoadClient;
import dev.kerneltracer.load.LoadListener;
import dev.kerneltracer.load.LoadPlan;
import dev.kerneltracer.load.LoadRun;
import dev.kerneltracer.load.PlannedRequest;
import dev.kerneltracer.load.Prompt;
import dev.kerneltracer.load.RequestResult;
import dev.kerneltracer.load.Target;
import java.io.BufferedWriter;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/// The client alone, at an even pace: `URL RATE REQUESTS TOKENS FILE REHEARSAL_S`. The file gets a
/// line for each request: its status, then time to the first token and the gaps between tokens, in
/// nanoseconds. Before them the same is sent for so many seconds and not told.
public final class LoadDriver {
  private LoadDriver() {}

  public static void main(String[] arguments) throws IOException {
    double rate = Double.parseDouble(arguments[1]);
    int count = Integer.parseInt(arguments[2]);
    int tokens = Integer.parseInt(arguments[3]);
    double rehearsalSeconds = Double.parseDouble(arguments[5]);
    if (rehearsalSeconds > 0) {
      run(arguments[0], rate, (int) Math.ceil(rehearsalSeconds * rate), tokens, new ArrayList<>());
      // What the rehearsal left is no pause of the run.
      System.gc();
    }
    List<RequestResult> results = new ArrayList<>(count);
    LoadRun run = run(arguments[0], rate, count, tokens, results);
    try (BufferedWriter out = Files.newBufferedWriter(Path.of(arguments[4]))) {
      for (RequestResult result : results) {
        out.write(result.status().word() + " " + (result.firstTokenNs() - result.startNs()));
        List<Long> times = result.tokenTimesNs();
        for (int i = 1; i < times.size(); i++) {
          out.write(" " + (times.get(i) - times.get(i - 1)));
        }
        out.write('\n');
      }
    }
    System.out.println(run.lateness());
  }

  private static LoadRun run(
      String url, double rate, int count, int tokens, List<RequestResult> results) {
    String prompt = "tok ".repeat(32);
    List<PlannedRequest> requests = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      long dueNs = (long) (i * 1e9 / rate);
      requests.add(new PlannedRequest(i, "even", dueNs, new Prompt.Text(prompt), 32, tokens));
    }
    LoadPlan plan =
        new LoadPlan(
            0,
            new LoadPlan.Pace.Open(),
            new LoadPlan.Sampling(0, true),
            List.of(),
            requests,
            Long.MAX_VALUE);
    LoadListener listener =
        new LoadListener() {
          @Override
          public void started(PlannedRequest request) {}

          @Override
          public void ended(RequestResult result) {
            synchronized (results) {
              results.add(result);
            }
          }
        };
    return new LoadClient(Target.of(URI.create(url), "paced", Target.Endpoint.COMPLETIONS))
        .run(plan, listener);
  }
}
