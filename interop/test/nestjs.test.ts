import 'reflect-metadata';
import assert from 'node:assert/strict';
import http from 'node:http';
import {
  BadRequestException,
  Body,
  Controller,
  Get,
  Inject,
  Injectable,
  Module,
  Param,
  ParseIntPipe,
  Post,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import axios from 'axios';
import { serve, useLoop } from 'tulipa/adapters/node';
import { HttpAgent } from 'tulipa/adapters/node/http';
import { type Served, servedRow } from '../served.ts';

class Store {
  readonly items = new Map<number, string>();
}

class Items {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  async one(id: number): Promise<{ name: string }> {
    await new Promise((resolve) => setTimeout(resolve, 5));
    const name = this.#store.items.get(id);
    if (name === undefined) throw new BadRequestException(`there is no ${id}`);
    return { name };
  }

  add({ id, name }: { id: number; name: string }): { size: number } {
    return { size: this.#store.items.set(id, name).size };
  }
}

class Application {}

type Decorate = (target: object, key: string, descriptor: PropertyDescriptor) => void;

/** Without the syntax of decorators, which is not erasable. */
function method(name: keyof Items, decorate: unknown, parameter: unknown): void {
  const descriptor = Object.getOwnPropertyDescriptor(Items.prototype, name) as PropertyDescriptor;
  (decorate as Decorate)(Items.prototype, name, descriptor);
  (parameter as ParameterDecorator)(Items.prototype, name, 0);
}

Injectable()(Store);
Inject(Store)(Items, undefined, 0);
method('one', Get(':id'), Param('id', ParseIntPipe));
method('add', Post(), Body());
Controller('items')(Items);
Module({ controllers: [Items], providers: [Store] })(Application);

async function use({ authority }: Served): Promise<void> {
  const httpAgent = new HttpAgent({ keepAlive: true });
  const baseURL = `http://${authority}/items`;
  const client = axios.create({ baseURL, httpAgent, proxy: false, validateStatus: null });
  const { status, data } = await client.post('', { id: 1, name: 'tulip' });
  assert.deepEqual([status, data], [201, { size: 1 }]);
  assert.deepEqual((await client.get('/1')).data, { name: 'tulip' });
  const missing = await client.get('/2');
  assert.deepEqual([missing.status, missing.data.message], [400, 'there is no 2']);
  assert.equal((await client.get('/many')).status, 400);
  assert.equal((await client.get('/1/2')).status, 404);
  httpAgent.destroy();
}

servedRow('nestjs', {}, (it) => {
  it('injects, routes, validates and filters exceptions, on a server of serve', {
    async serve(place) {
      const app = await NestFactory.create(Application, { logger: false });
      await app.init();
      return await serve(http.createServer(app.getHttpAdapter().getInstance()), place);
    },
    use,
  });

  it('listens by itself, where its server was told to use the loop', {
    async serve({ host, port }) {
      const app = await NestFactory.create(Application, { logger: false });
      const server = useLoop(app.getHttpServer() as http.Server);
      await app.listen(port, host);
      return server;
    },
    use,
  });
});
