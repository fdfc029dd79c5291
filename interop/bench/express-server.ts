/** An Express server to measure, that answers every request with a few words. Arguments: see bench/http/serve-as-asked.ts. */
import { createServer } from 'node:http';
import express from 'express';
import { serveAsAsked } from '../../bench/http/serve-as-asked.ts';

const app = express();
app.get('/hello', (_request, response) => void response.send('Hello, world!'));
await serveAsAsked(createServer(app));
