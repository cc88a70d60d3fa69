import type { FoundSecret, SecretMarks } from '@latchkey/testing'
import { expect, onTestFinished } from 'vitest'
import { type FaultProxy, startFaultProxy } from '../fault-proxy.ts'
import { contentsOf, keysForEver } from '../redis-contents.ts'
import { type RedisServer, type RedisServerOptions, startRedis } from '../redis-server.ts'
import { type Apps, type AppsSetup, startApps } from './apps.ts'
import { Herd } from './herd.ts'
import { countTimeoutMs } from './run-counts.fixture.ts'

/** A Redis server until the end of the test. No key in it may stay for ever. */
export async function redisOfTest(options: RedisServerOptions = {}): Promise<RedisServer> {
  const server = await startRedis(options)
  onTestFinished(() => server.close())
  onTestFinished(async () => {
    if (server.isRunning) expect(await keysForEver(server), 'keys without a time to live').toEqual([])
  })
  return server
}

/** Secrets that a thief of this server's data would find. Must be empty. */
export async function leaksIn(server: RedisServer, marks: SecretMarks): Promise<readonly FoundSecret[]> {
  const contents = await contentsOf(server)
  return contents.flatMap(({ key, dump }) => [...marks.findIn(key), ...marks.findIn(dump)])
}

/** A fault proxy before a port until the end of the test. */
export async function proxyOfTest(port: number, protocol: 'any' | 'redis' = 'any'): Promise<FaultProxy> {
  const proxy = await startFaultProxy({ port, protocol })
  onTestFinished(() => proxy.close())
  return proxy
}

/**
 * The processes of an app until the end of the test. Then each one that the test has not killed must end properly, and
 * no secret may stand in what any of them has printed or was started with.
 */
export async function appsOfTest(setup: AppsSetup): Promise<Apps> {
  const apps = await startApps(setup)
  onTestFinished(async () => {
    const started = apps.leaks()
    const endings = await apps.close()
    expect([...started, ...apps.leaks()], 'secrets in what the processes printed').toEqual([])
    expect(new Set(endings), 'exit codes').toEqual(new Set(endings.length === 0 ? [] : [0]))
  }, countTimeoutMs)
  return apps
}

/** A herd for these processes until the end of the test. */
export function herdOfTest(apps: Apps): Herd {
  const herd = new Herd(apps)
  onTestFinished(() => herd.close())
  return herd
}
