import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.ServerSocket;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.hdfs.MiniDFSCluster;
import org.apache.hadoop.hdfs.MiniDFSCluster.DataNodeProperties;
import org.apache.hadoop.hdfs.MiniDFSNNTopology;
import org.apache.hadoop.hdfs.tools.DFSAdmin;

/**
 * A real HDFS for tests. Arguments: data folder, number of data nodes, and "ha" for two name nodes or an address of
 * this machine at which its data nodes listen; the name node itself is asked on 127.0.0.1 in any case.
 *
 * <p>On standard output it writes "port N" for each name node and "ready". It lives until its standard input closes,
 * which also happens when the process that started it dies. Lines it understands there: "failover", in good order;
 * "kill name node", the active one, so that the other has to take over; "start name node"; "stop data node", the
 * first; "start data node"; and "dfsadmin" with its options. Each is answered with "done".
 */
public class MiniHdfs {
  private final MiniDFSCluster cluster;
  private int active = 0;
  private DataNodeProperties stopped;

  public static void main(String[] arguments) throws Exception {
    MiniHdfs hdfs = new MiniHdfs(arguments[0], Integer.parseInt(arguments[1]), arguments.length > 2 ? arguments[2] : "");
    for (int nameNode = 0; nameNode < hdfs.cluster.getNumNameNodes(); nameNode++) {
      answer("port " + hdfs.cluster.getNameNodePort(nameNode));
    }
    answer("ready");
    BufferedReader commands = new BufferedReader(new InputStreamReader(System.in));
    for (String command = commands.readLine(); command != null; command = commands.readLine()) {
      hdfs.obey(command);
      answer("done");
    }
    Runtime.getRuntime().halt(0); // an orderly shutdown takes seconds and serves nobody
  }

  private MiniHdfs(String folder, int dataNodes, String more) throws Exception {
    boolean highlyAvailable = more.equals("ha");
    Configuration configuration = new Configuration();
    configuration.set("hdfs.minidfs.basedir", folder);
    configuration.setInt("dfs.namenode.fs-limits.min-block-size", 0);
    configuration.setInt("dfs.replication", dataNodes);
    MiniDFSCluster.Builder builder = new MiniDFSCluster.Builder(configuration).numDataNodes(dataNodes);
    if (!highlyAvailable && !more.isEmpty()) {
      listen(configuration, more);
      builder.checkDataNodeAddrConfig(true);
    }
    cluster = (highlyAvailable ? builder.nnTopology(MiniDFSNNTopology.simpleHATopology()) : builder).build();
    if (highlyAvailable) {
      active = 1; // the second one, so that a client meets the standby first
      cluster.transitionToActive(active);
    }
    cluster.waitActive();
  }

  /** A name node tells clients the address from which a data node has spoken to it: so they meet at this one. */
  private static void listen(Configuration configuration, String address) throws Exception {
    try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getByName(address))) {
      configuration.set("dfs.namenode.servicerpc-address", address + ":" + free.getLocalPort());
    }
    configuration.setBoolean("dfs.namenode.datanode.registration.ip-hostname-check", false); // it has no name
    configuration.set("dfs.datanode.address", address + ":0");
    configuration.set("dfs.datanode.ipc.address", "127.0.0.1:0");
    configuration.set("dfs.datanode.http.address", "127.0.0.1:0");
  }

  private void obey(String command) throws Exception {
    if (command.startsWith("dfsadmin ")) {
      administer(command.substring("dfsadmin ".length()).split(" "));
      return;
    }
    switch (command) {
      case "failover":
        cluster.transitionToStandby(active);
        takeOver();
        break;
      case "kill name node":
        cluster.shutdownNameNode(active);
        takeOver();
        break;
      case "start name node":
        cluster.restartNameNode(1 - active);
        break;
      case "stop data node":
        stopped = cluster.stopDataNode(0);
        break;
      case "start data node":
        cluster.restartDataNode(stopped, true);
        cluster.waitActive(active);
        break;
      default:
        throw new IllegalArgumentException(command);
    }
  }

  private void takeOver() throws Exception {
    active = 1 - active;
    cluster.transitionToActive(active);
  }

  private void administer(String... options) throws Exception {
    Configuration configuration = new Configuration(cluster.getConfiguration(active));
    configuration.set("fs.defaultFS", "hdfs://localhost:" + cluster.getNameNodePort(active));
    int code = new DFSAdmin(configuration).run(options);
    if (code != 0) {
      throw new IllegalStateException("dfsadmin ended with " + code);
    }
  }

  private static void answer(String line) {
    System.out.println(line);
    System.out.flush();
  }
}
