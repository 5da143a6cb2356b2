// The JVM's clients: client URL | connection URL | unzip FILE | gunzip FILE | write FILE | read FILE | exec PROGRAM.
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.net.HttpURLConnection;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.zip.GZIPInputStream;
import java.util.zip.ZipFile;

public class Main {
    public static void main(String[] given) throws Exception {
        switch (given[0]) {
            case "client" -> {
                var request = HttpRequest.newBuilder(URI.create(given[1])).timeout(Duration.ofSeconds(6)).build();
                var answer = HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofByteArray());
                if (answer.statusCode() != 200) throw new IllegalStateException("HTTP status " + answer.statusCode());
            }
            case "connection" -> {
                var connection = (HttpURLConnection) URI.create(given[1]).toURL().openConnection();
                connection.setReadTimeout(6000);
                connection.getInputStream().readAllBytes();
            }
            case "unzip" -> new ZipFile(given[1]).close();
            case "gunzip" -> new GZIPInputStream(new FileInputStream(given[1])).readAllBytes();
            case "write" -> {
                try (var target = new FileOutputStream(given[1])) {
                    for (;;) target.write(new byte[65536]);
                }
            }
            case "read" -> Files.readAllBytes(Path.of(given[1]));
            default -> new ProcessBuilder(given[1]).start().waitFor();
        }
    }
}
