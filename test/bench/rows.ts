import type { BenchUser } from './bench-user.ts'
import type { Contender } from './contender.ts'
import { type LoadRow, loadRow } from './load-row.ts'
import type { Row } from './row.ts'
import { expiry } from './rows/expiry.ts'
import { memory } from './rows/memory.ts'
import { redisCommands } from './rows/redis-commands.ts'
import { refreshStorm } from './rows/refresh-storm.ts'
import { signIns } from './rows/sign-ins.ts'
import { startAndSize } from './rows/start-and-size.ts'
import { upstreamAnswer } from './upstream-answer.ts'

const me: Pick<Contender, 'answer' | 'answersBegin'> = {
  answer: ({ id, name }: BenchUser) => ({ id, name }),
  answersBegin: '{"id":"user-',
}
const call: Pick<Contender, 'answer' | 'answersBegin'> = {
  answer: ({ tokens }: BenchUser) => upstreamAnswer(tokens?.accessToken ?? ''),
  answersBegin: '{"token":"access-',
}
const floor = { name: 'Express floor', app: 'floor' } as const
const latchkey = { app: 'latchkey-express' } as const
const fastifyFloor = { name: 'Fastify floor', app: 'fastify-floor' } as const
const onFastify = { app: 'latchkey-fastify' } as const
const limit = { name: 'limit', app: 'limit' } as const

/** The rows that put contenders under load. A new one is an app program, a URL and the right answer. */
export const loadRows: readonly LoadRow[] = [
  {
    name: 'signed-in',
    title: 'A signed-in route without a provider call',
    contenders: [
      { ...floor, path: '/me', ...me },
      { ...latchkey, name: 'Latchkey', path: '/me', ...me, budget: 1.5 },
      { ...latchkey, name: 'without req.session', env: { BENCH_APP_SESSION: 'off' }, path: '/me', ...me },
      { ...limit, path: '/me', ...me },
    ],
  },
  {
    name: 'provider-call',
    title: 'A route that calls the provider with a valid token',
    contenders: [
      { ...floor, path: '/call', ...call },
      { ...latchkey, name: 'Latchkey fetch', path: '/call/fetch', ...call, budget: 1.2 },
      { ...latchkey, name: 'Latchkey request', path: '/call/request', ...call, budget: 2 },
      { ...limit, path: '/call', ...call },
    ],
  },
  {
    name: 'fastify-signed-in',
    title: 'A signed-in route without a provider call, on Fastify',
    contenders: [
      { ...fastifyFloor, path: '/me', ...me },
      { ...onFastify, name: 'Latchkey', path: '/me', ...me, budget: 1.3 },
      {
        ...onFastify,
        name: 'without request.session',
        env: { BENCH_APP_SESSION: 'off' },
        path: '/me',
        ...me,
      },
      { ...limit, path: '/me', ...me },
    ],
  },
  {
    name: 'fastify-provider-call',
    title: 'A route that calls the provider with a valid token, on Fastify',
    contenders: [
      { ...fastifyFloor, path: '/call', ...call },
      { ...floor, path: '/call', ...call },
      { ...onFastify, name: 'Latchkey fetch', path: '/call/fetch', ...call, budget: 1.2 },
      { ...onFastify, name: 'Latchkey request', path: '/call/request', ...call, budget: 2 },
      { ...limit, path: '/call', ...call },
    ],
  },
  {
    name: 'floor-clients',
    title: 'The floor on either Redis client',
    isOnRequest: true,
    contenders: [
      { ...floor, name: 'floor on node-redis', path: '/me', ...me },
      { ...floor, name: 'floor on ioredis', env: { BENCH_CLIENT: 'ioredis' }, path: '/me', ...me },
    ],
  },
]

/** All rows, in the order in which they run. */
export const rows: readonly Row[] = [
  ...loadRows.map(loadRow),
  redisCommands,
  refreshStorm,
  expiry,
  memory,
  signIns,
  startAndSize,
]
