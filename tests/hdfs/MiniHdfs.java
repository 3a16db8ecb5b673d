import java.io.BufferedReader;
import java.io.InputStreamReader;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.SafeModeAction;
import org.apache.hadoop.hdfs.MiniDFSCluster;
import org.apache.hadoop.hdfs.MiniDFSNNTopology;

/**
 * A real HDFS of one data node, for tests. Arguments: data folder, and "ha" for two name nodes.
 *
 * <p>On standard output it writes "port N" for each name node and "ready". It lives until its standard input closes,
 * which also happens when the process that started it dies. Lines it understands there: "safemode on", "safemode off",
 * "failover"; each is answered with "done".
 */
public class MiniHdfs {
  public static void main(String[] arguments) throws Exception {
    boolean highlyAvailable = arguments.length > 1 && arguments[1].equals("ha");
    Configuration configuration = new Configuration();
    configuration.set("hdfs.minidfs.basedir", arguments[0]);
    configuration.setInt("dfs.namenode.fs-limits.min-block-size", 0);
    configuration.setInt("dfs.replication", 1);
    MiniDFSCluster.Builder builder = new MiniDFSCluster.Builder(configuration).numDataNodes(1);
    MiniDFSCluster cluster =
        (highlyAvailable ? builder.nnTopology(MiniDFSNNTopology.simpleHATopology()) : builder).build();
    if (highlyAvailable) {
      cluster.transitionToActive(1); // the second one, so that a client meets the standby first
    }
    cluster.waitActive();
    for (int nameNode = 0; nameNode < cluster.getNumNameNodes(); nameNode++) {
      answer("port " + cluster.getNameNodePort(nameNode));
    }
    answer("ready");
    obey(cluster);
    Runtime.getRuntime().halt(0); // an orderly shutdown takes seconds and serves nobody
  }

  private static void obey(MiniDFSCluster cluster) throws Exception {
    BufferedReader commands = new BufferedReader(new InputStreamReader(System.in));
    for (String command = commands.readLine(); command != null; command = commands.readLine()) {
      switch (command) {
        case "safemode on" -> cluster.getFileSystem().setSafeMode(SafeModeAction.ENTER);
        case "safemode off" -> cluster.getFileSystem().setSafeMode(SafeModeAction.LEAVE);
        case "failover" -> {
          cluster.transitionToStandby(1);
          cluster.transitionToActive(0);
        }
        default -> throw new IllegalArgumentException(command);
      }
      answer("done");
    }
  }

  private static void answer(String line) {
    System.out.println(line);
    System.out.flush();
  }
}
