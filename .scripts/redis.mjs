import { findProgram, installCommand, installOnDebian } from './programs.mjs'

/** What installs the server by hand on Debian. */
export const redisCommand = installCommand('redis-server')

/** The path of a redis-server: `REDIS_SERVER_PATH`, else the one in the PATH, else `undefined`. */
export function findRedis() {
  return findProgram(['redis-server'], process.env.REDIS_SERVER_PATH)
}

/** Finds redis-server, or installs Debian's when this is root on Debian; `undefined` when neither works. */
export async function provideRedis() {
  const found = findRedis()
  if (found !== undefined || process.env.REDIS_SERVER_PATH) return found
  await installOnDebian('redis-server', 'the suites on Redis')
  return findRedis()
}
