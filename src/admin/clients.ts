import * as z from 'zod/mini'
import { schemaOfClient } from '../config/json-schema.ts'
import { json } from './answer.ts'
import {
  answerWith,
  type ClientRoom,
  createClient,
  deleteClient,
  disableClient,
  enableClient,
  replaceClient,
  rotateSecret,
} from './client-changes.ts'
import { listClients } from './client-list.ts'
import { pageOf, registryPaging } from './list-query.ts'
import { type Operation, operation } from './operation.ts'
import { clientShape } from './shown-client.ts'

/** The registry of clients: those of the file to be read, those of run time to be changed. */
export const clientOperations = (room: ClientRoom): readonly Operation[] => [
  operation({
    id: 'listClients',
    tag: 'clients',
    method: 'GET',
    path: CLIENTS,
    role: 'viewer',
    summary: 'Clients: those of the file by client_id, then the others, oldest first',
    query: {
      ...registryPaging,
      source: z.exactOptional(z.enum(['file', 'operator', 'registered'])),
      /** A part of the name or the client_id, whatever the case. */
      search: z.exactOptional(z.string().check(z.maxLength(200))),
    },
    answers: { 200: { description: 'A page of clients', schema: pageOf(clientShape) } },
    run: async ({ query }) => json(200, await listClients(query, room)),
  }),
  operation({
    id: 'createClient',
    tag: 'clients',
    method: 'POST',
    path: CLIENTS,
    role: 'operator',
    summary:
      'A new client, by the keys of clients[] in the file. Without client_id it is given one; a confidential one is given a secret, which is shown this once',
    body: newClient,
    answers: { 201: { description: 'The client', schema: createdShape } },
    run: ({ body, principal }) => createClient(body, principal, room),
  }),
  operation({
    id: 'getClient',
    tag: 'clients',
    method: 'GET',
    path: CLIENT,
    role: 'viewer',
    summary: 'One client. The ETag is for changing it',
    answers: { 200: { description: 'The client', schema: clientShape } },
    run: async ({ params }) =>
      answerWith(await room.stores.clients.read(params.client_id ?? ''), room),
  }),
  operation({
    id: 'replaceClient',
    tag: 'clients',
    method: 'PUT',
    path: CLIENT,
    role: 'operator',
    summary: 'Replaces what a client is set to; its secrets stay',
    conditional: true,
    body: newClient,
    answers: { 200: { description: 'The client as it is now', schema: clientShape } },
    run: (call) => replaceClient(call, room),
  }),
  operation({
    id: 'deleteClient',
    tag: 'clients',
    method: 'DELETE',
    path: CLIENT,
    role: 'owner',
    summary: 'Deletes a client; everything that it was given ends at once',
    conditional: true,
    answers: { 204: { description: 'It is gone' } },
    run: (call) => deleteClient(call, room),
  }),
  operation({
    id: 'rotateClientSecret',
    tag: 'clients',
    method: 'POST',
    ...{ path: `${CLIENT}/secret`, role: 'operator' },
    summary: 'A new secret, shown this once. The former one stays good for `overlap` seconds',
    body: z.strictObject({
      overlap: z._default(z.number().check(z.int(), z.minimum(0), z.maximum(MOST_OVERLAP)), 86_400),
    }),
    answers: { 200: { description: 'The secret', schema: secretShape } },
    run: (call) => rotateSecret(call, room),
  }),
  operation({
    id: 'disableClient',
    tag: 'clients',
    method: 'POST',
    ...{ path: `${CLIENT}/disable`, role: 'operator' },
    summary: 'Refuses a client everywhere from now on, and ends what it was given',
    body: z.strictObject({ reason: z.string().check(z.minLength(1), z.maxLength(200)) }),
    answers: { 200: { description: 'The client as it is now', schema: clientShape } },
    run: (call) => disableClient(call, room),
  }),
  operation({
    id: 'enableClient',
    tag: 'clients',
    method: 'POST',
    ...{ path: `${CLIENT}/enable`, role: 'operator' },
    summary: 'Lets a disabled client ask for tokens again; what it had stays over',
    answers: { 200: { description: 'The client as it is now', schema: clientShape } },
    run: (call) => enableClient(call, room),
  }),
]

const CLIENTS = '/api/v1/clients'
const CLIENT = '/api/v1/clients/{client_id}'
const MOST_OVERLAP = 30 * 86_400

/** Judged as a whole by the rules of the file (judge-client.ts); the schema is that of the file, too. */
const newClient = z.record(z.string(), z.unknown()).register(z.globalRegistry, schemaOfClient())
const secretShape = z.strictObject({ client_id: z.string(), client_secret: z.string() })
const createdShape = z.extend(clientShape, { client_secret: z.exactOptional(z.string()) })
