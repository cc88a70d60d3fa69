import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Cluster, Redis } from 'ioredis'
import { describe, expect, it, onTestFinished } from 'vitest'
import { startCluster, startSentinelSet } from '../redis-groups.ts'
import { type RedisServerOptions, redisIsMissing, startRedis, startReplica, until } from '../redis-server.ts'

/** Closes it when the test ends, however that is. */
function closing<Closable extends { close(): Promise<void> }>(opened: Closable): Closable {
  onTestFinished(() => opened.close())
  return opened
}

/** Whether a process exists; a zombie whose parent has not looked yet does not count. */
async function lives(pid: number): Promise<boolean> {
  const { stdout } = await promisify(execFile)('ps', ['-o', 'stat=', '-p', String(pid)]).catch(() => ({
    stdout: '',
  }))
  return stdout !== '' && !stdout.startsWith('Z')
}

describe.skipIf(redisIsMissing)('a Redis server of a test', () => {
  it.each([
    ['nothing', null],
    ['append-only file', 'kept'],
    ['snapshot', 'kept'],
  ] as const)('that keeps %s has after a restart on its port: %s', async (keeps, expected) => {
    const server = closing(await startRedis({ keeps }))
    const { pid, port } = server
    await server.command('SET', 'a', 'kept')
    await server.restart()
    expect([server.port, await server.command('GET', 'a')]).toEqual([port, expected])
    expect(server.pid).not.toBe(pid)
  })

  it('that keeps an append-only file has what was written before it was killed', async () => {
    const server = closing(await startRedis({ keeps: 'append-only file' }))
    await server.command('SET', 'a', 'kept')
    expect(await server.kill()).toBe('SIGKILL')
    await expect(server.command('PING')).rejects.toThrow()
    await server.start()
    expect(await server.command('GET', 'a')).toBe('kept')
  })

  it('answers nothing while it is paused, and then everything', async () => {
    const server = closing(await startRedis())
    server.pause()
    let isAnswered = false
    const answer = server.command('PING').then((text) => {
      isAnswered = true
      return text
    })
    const { stdout } = await promisify(execFile)('ps', ['-o', 'stat=', '-p', String(server.pid)])
    expect(stdout).toMatch(/^T/)
    expect(isAnswered).toBe(false)
    server.resume()
    expect(await answer).toBe('PONG')
  })

  it('takes lines of redis.conf, and passes error replies on', async () => {
    const config = { requirepass: 'open', maxmemory: '3mb', 'rename-command': ['KEYS ""', 'SORT ""'] }
    const server = closing(await startRedis({ config }))
    expect(await server.command('CONFIG', 'GET', 'maxmemory')).toEqual(['maxmemory', '3145728'])
    await expect(server.command('KEYS', '*')).rejects.toThrow(/unknown command/)
    await expect(server.command('SORT', 'a')).rejects.toThrow(/unknown command/)
  })

  it('that cannot start says why', async () => {
    const options: RedisServerOptions = { config: { 'no-such-line': 1 } }
    await expect(startRedis(options)).rejects.toThrow(/no-such-line/)
  })

  it('is gone with its folder once it is closed, paused or not', async () => {
    const server = await startRedis()
    const { pid, folder } = server
    server.pause()
    await server.close()
    expect([await lives(pid), existsSync(folder)]).toEqual([false, false])
  })

  it('is gone when the process that started it is killed, paused or not', async () => {
    const starter = join(import.meta.dirname, 'redis-starter.fixture.ts')
    const parent = spawn(process.execPath, [starter], { stdio: ['ignore', 'pipe', 'inherit'] })
    const [text] = await once(parent.stdout, 'data')
    const pids = JSON.parse(String(text)) as readonly number[] // what the fixture prints
    expect(pids).toHaveLength(2)
    for (const pid of pids) expect(await lives(pid)).toBe(true)
    parent.kill('SIGKILL')
    for (const pid of pids) await until(`process ${pid} ends`, async () => !(await lives(pid)))
  })

  it('has a replica that follows, lags behind when told to, and can be promoted', async () => {
    const primary = closing(await startRedis())
    const replica = closing(await startReplica(primary))
    await primary.command('SET', 'a', '1')
    expect(await primary.command('WAIT', 1, 10_000)).toBe(1)
    expect(await replica.command('GET', 'a')).toBe('1')
    await expect(replica.command('SET', 'a', '2')).rejects.toThrow(/READONLY/)
    replica.pause()
    await primary.command('SET', 'a', '2')
    await primary.kill()
    replica.resume()
    await replica.command('REPLICAOF', 'NO', 'ONE')
    expect(await replica.command('SET', 'b', '1')).toBe('OK')
  })
})

describe.skipIf(redisIsMissing)('several Redis servers of a test', () => {
  it('as a Sentinel set fail over when the primary is killed', async () => {
    const set = closing(await startSentinelSet({ replicas: 1 }))
    const client = new Redis({ name: set.name, sentinels: [...set.addresses] })
    onTestFinished(() => client.disconnect())
    client.on('error', () => {})
    expect(await client.set('a', '1')).toBe('OK')
    expect(await client.wait(1, 10_000)).toBe(1)
    const primary = await set.primary()
    if (primary === undefined) throw new Error('no primary')
    await primary.kill()
    const next = await set.failedOver(primary)
    expect(await next.command('GET', 'a')).toBe('1')
    await until('the client has followed', () =>
      client.set('a', '2').then(
        () => true,
        () => false,
      ),
    )
    expect(await next.command('GET', 'a')).toBe('2')
  })

  it('as a Cluster share the slots, and a replica takes over when a primary is killed', async () => {
    const cluster = closing(await startCluster({ replicas: 1 }))
    const client = new Cluster([...cluster.addresses])
    onTestFinished(() => client.disconnect())
    client.on('error', () => {})
    const keys = Array.from({ length: 30 }, (_, index) => `key-${index}`)
    for (const key of keys) expect(await client.set(key, key)).toBe('OK')
    const owners = new Set(await Promise.all(keys.map((key) => cluster.ownerOf(key))))
    expect([...owners].map(({ port }) => port).sort()).toEqual(
      cluster.primaries.map(({ port }) => port).sort(),
    )
    const owner = await cluster.ownerOf('key-1')
    expect(await owner.command('GET', 'key-1')).toBe('key-1')
    expect(await owner.command('WAIT', 1, 10_000)).toBe(1)
    await owner.kill()
    await until('the slots have another owner', async () => (await cluster.ownerOf('key-1')) !== owner)
    await cluster.isWhole()
    expect(await client.get('key-1')).toBe('key-1')
  })

  it('as a Cluster without replicas are one set of slots on three nodes', async () => {
    const cluster = closing(await startCluster())
    expect(cluster.all).toHaveLength(3)
    await cluster.primaries[0]?.kill()
    const [, second] = cluster.primaries
    await until('the cluster is down', async () =>
      String(await second?.command('CLUSTER', 'INFO')).includes('cluster_state:fail'),
    )
    await expect(second?.command('GET', 'a')).rejects.toThrow(/CLUSTERDOWN|MOVED/)
  })
})
