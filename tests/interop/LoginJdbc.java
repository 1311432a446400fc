// PostgreSQL's JDBC driver logs in with a token as its password. Lines on standard input: role, database, sslmode, token,
// statement, with tabs between them; for each a line with the answer, or with SQLSTATE and message.
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.Properties;

class LoginJdbc {
    static String answer(String[] given) {
        Properties properties = new Properties();
        properties.setProperty("user", given[0]);
        properties.setProperty("sslmode", given[2]);
        properties.setProperty("password", given[3]);
        String url = "jdbc:postgresql://127.0.0.1:" + System.getenv("PGPORT") + "/" + given[1];
        try (Connection connection = DriverManager.getConnection(url, properties);
                ResultSet result = connection.createStatement().executeQuery(given[4])) {
            result.next();
            return result.getString(1);
        } catch (SQLException error) {
            return error.getSQLState() + " " + error.getMessage();
        }
    }

    public static void main(String[] arguments) throws Exception {
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
        for (String line; (line = lines.readLine()) != null;)
            System.out.println(answer(line.split("\t")).replace('\n', ' '));
    }
}
