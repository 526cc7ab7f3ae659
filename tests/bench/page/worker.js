// Stands in for the package's worker: the same, with a false socket in it. The order of these lines is the order in which they run.
import "/bench/socket.js";
import "./real-worker.js";
