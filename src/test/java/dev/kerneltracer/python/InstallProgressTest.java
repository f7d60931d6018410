package dev.kerneltracer.python;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;

class InstallProgressTest {
  @Test
  void pipsArchivesAreCountedAgainstTheLinesThatApply() {
    assertThat(
            shown(
                4,
                """
                Looking in links: /opt/wheels
                Ignoring colorama: markers 'sys_platform == "win32"' don't match your environment
                Collecting torch==2.13.0 (from -r lock.txt (line 1))
                  Downloading torch-2.13.0-cp312-cp312-manylinux_2_28_x86_64.whl.metadata (29 kB)
                Downloading torch-2.13.0-cp312-cp312-manylinux_2_28_x86_64.whl (554.2 MB)
                  Using cached pydantic_core-2.50.4-cp312-cp312-manylinux_2_17_x86_64.whl (2.1 MB)
                Processing ./wheels/ktalpha-1.0-py3-none-any.whl (from -r tiny.txt (line 1))
                Installing collected packages: torch, pydantic-core, ktalpha
                Successfully installed ktalpha-1.0
                """))
        .containsExactly(
            "[1/3] torch 2.13.0 (554.2 MB)",
            "[2/3] pydantic_core 2.50.4 (2.1 MB)",
            "[3/3] ktalpha 1.0",
            "installing 3 packages");
  }

  @Test
  void uvNamesLargePackagesAndPhases() {
    assertThat(
            shown(
                9,
                """
                Using Python 3.12.1 environment at: v2
                Resolved 3 packages in 101ms
                Downloading numpy (15.9MiB)
                 Downloaded numpy
                Prepared 3 packages in 182ms
                Installed 3 packages in 16ms
                Bytecode compiled 421 files in 1.18s
                 + idna==3.20
                """))
        .containsExactly(
            "downloading 3 packages",
            "downloading numpy (15.9MiB)",
            "downloaded numpy (1 of 1 large packages)",
            "installing 3 packages",
            "compiling 3 packages");
  }

  private static List<String> shown(int requirements, String output) {
    InstallProgress progress = new InstallProgress(requirements);
    return output.lines().map(progress::line).filter(Objects::nonNull).toList();
  }
}
