/** An ordinary program of Node's: a web server of Express, over a database by pg. */
import express from 'express';
import pg from 'pg';

const pool = new pg.Pool({
  host: 'database',
  user: 'shop',
  database: 'shop',
  max: 3,
  connectionTimeoutMillis: 2_000,
  query_timeout: 2_000,
});
pool.on('error', (error) => console.log('an idle connection was lost:', error.message));

const app = express();
app.use(express.json());

app.post('/orders', async (request, response) => {
  const { id, flower } = request.body as { id: string; flower: string };
  await pool.query('INSERT INTO orders (id, flower) VALUES ($1, $2) ON CONFLICT DO NOTHING', [id, flower]);
  response.status(201).json({ id });
});

app.get('/orders', async (_request, response) => {
  const { rows } = await pool.query('SELECT id, flower FROM orders');
  response.json(rows);
});

app.use(
  (error: Error, _request: express.Request, response: express.Response, _next: express.NextFunction) => {
    console.log('cannot ask the database:', error.message);
    response.status(503).json({ error: error.message });
  },
);

app.listen(8080, () => console.log('is open'));
