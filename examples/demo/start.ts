import { randomBytes } from 'node:crypto'
import { AppProcesses } from './app-processes.ts'
import { Balancer } from './balancer.ts'
import { startEmulators } from './emulators.ts'
import { PlainFailure } from './plain-failure.ts'
import { describeRedis, forgetKeys } from './redis-address.ts'
import { type AppIsReady, type AppSettings, portToUse } from './settings.ts'

/** What has been started, and how each is ended: the last one first. */
const started: (() => unknown)[] = []
let isStopping = false

async function start(): Promise<void> {
  const port = portToUse()
  const baseUrl = `http://127.0.0.1:${port}`
  const balancer = new Balancer(() => processes?.targets ?? [])
  let processes: AppProcesses | undefined
  await balancer.listen(port)
  started.push(() => balancer.close())

  const redisUrl = process.env.REDIS_URL
  console.log(`store: ${redisUrl ? await describeRedis(redisUrl) : 'the memory of the app'}`)
  const { emulated, close } = await startEmulators(baseUrl)
  started.push(close)
  if (isStopping) return
  const { keyPrefix, isOfThisStart } = namesInRedis()
  if (redisUrl && isOfThisStart && !process.env.DEMO_REDIS_IS_PRIVATE)
    started.push(() => forgetKeys(redisUrl, keyPrefix))
  processes = new AppProcesses(
    {
      ...{ baseUrl, port: 0, emulated, keyPrefix },
      processes: Number(process.env.DEMO_PROCESSES || 1),
      framework: process.env.DEMO_FRAMEWORK === 'fastify' ? 'fastify' : 'express',
      ...(redisUrl && { redisUrl }),
    },
    fail,
  )
  started.push(() => processes?.stop())
  const [first] = await processes.start()
  if (isStopping || first === undefined) return
  announce(first, emulated)
  console.log(`ready ${baseUrl}`)
}

/**
 * What every key begins with. Each start makes a secret of its own, unless there is one. Records of earlier starts cannot
 * be opened without theirs, so each start then has its own part of Redis, which is of no use after it.
 */
function namesInRedis(): { readonly keyPrefix: string; readonly isOfThisStart: boolean } {
  if (process.env.LATCHKEY_SECRET) return { keyPrefix: 'latchkey-demo:', isOfThisStart: false }
  process.env.LATCHKEY_SECRET = randomBytes(32).toString('base64url')
  return { keyPrefix: `latchkey-demo:${randomBytes(4).toString('hex')}:`, isOfThisStart: true }
}

/** What a visitor needs to know before the first click. */
function announce({ providers }: AppIsReady, emulated: AppSettings['emulated']): void {
  const { nadeo, ...signIn } = emulated
  const users = new Map(Object.entries(signIn).map(([id, one]) => [id, one.users]))
  for (const { id, name, redirectUri } of providers) {
    const about = users.has(id) ? `emulated; sign in as ${users.get(id)?.join(', ')}` : 'the real one'
    console.log(`${name}: ${about}`)
    console.log(`${name}: redirect URI ${redirectUri}`)
  }
  console.log(`Nadeo: ${nadeo ? 'emulated' : 'the real one'}; called in the app's own name`)
}

async function stop(code: number): Promise<void> {
  if (isStopping) return
  isStopping = true
  for (const end of started.reverse()) await end()
  process.exit(code)
}

function fail(error: unknown): void {
  if (isStopping) return
  console.error(error instanceof PlainFailure ? error.message : error)
  void stop(1)
}

function interrupt(): void {
  // A signal often comes twice: from the terminal and from npm.
  if (!isStopping) console.log('stopping …')
  void stop(0)
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, interrupt)
// Whoever started this process is gone.
process.on('disconnect', interrupt)
if (process.send !== undefined && !process.connected) interrupt()
else await start().catch(fail)
