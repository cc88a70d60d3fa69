import { startRedis } from '../redis-server.ts'

// A program of its own that a test kills: it starts two servers, one of them paused, and prints their process ids.

const servers = [await startRedis(), await startRedis()] as const
const pids = servers.map(({ pid }) => pid)
servers[1].pause()
process.stdout.write(JSON.stringify(pids))
setInterval(() => {}, 1_000)
