/** What helps against a fault. */
export type Remedy =
  /** Nothing has happened: asking again a moment later may do. */
  | 'retry'
  /** The connection is gone or leads to the wrong server: asking again over a new one may do. */
  | 'reconnect'
  /** Somebody must change something at Redis or in the client's options. */
  | 'configuration'
  /** Whether the command was, or will be, carried out is not known. */
  | 'none'

/** What went wrong: the first word of Redis's reply, or the state of the connection. */
export type RedisErrorCode =
  | 'READONLY'
  | 'MASTERDOWN'
  | 'MOVED'
  | 'ASK'
  | 'CROSSSLOT'
  | 'CLUSTERDOWN'
  | 'TRYAGAIN'
  | 'REDIRECTED'
  | 'LOADING'
  | 'BUSY'
  | 'NOSCRIPT'
  | 'OOM'
  | 'MISCONF'
  | 'NOREPLICAS'
  | 'NOAUTH'
  | 'WRONGPASS'
  | 'NOPERM'
  | 'WRONGTYPE'
  | 'NODB'
  | 'NOCLUSTER'
  | 'ERR'
  | 'TLS'
  | 'DISCONNECTED'
  | 'TIMEOUT'
  | 'OVERLOADED'
  | 'CLOSED'
  | 'UNEXPECTED'
  | 'UNKNOWN'

interface Fault {
  readonly remedy: Remedy
  /** What happened and what to do next. Never a key, a value or an address. */
  readonly message: string
  /** For people, where a reason is known; stands behind the first sentence. */
  readonly because?: (reason: string) => string
}

/** Why a server cannot be reached: what the network says, and what the client does. */
const unreachable: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens at its address',
  ECONNRESET: 'it, or something on the way, cut the connection',
  EPIPE: 'it, or something on the way, cut the connection',
  ENOTFOUND: 'its host name is unknown',
  EAI_AGAIN: 'its host name cannot be looked up',
  EHOSTUNREACH: 'no way leads to its address',
  ENETUNREACH: 'no way leads to its address',
  ETIMEDOUT: 'its address does not answer',
  SILENT: 'it has stopped answering',
  NO_SENTINEL: 'no Sentinel answers, or none knows the primary',
  NO_NODE: 'no node of the Cluster answers',
}

/** What Redis replies, by the first word of the reply, and the states of a connection. */
const faults: Readonly<Record<RedisErrorCode, Fault>> = {
  READONLY: {
    remedy: 'reconnect',
    message: 'This Redis is a read-only replica. Connect to the primary, or through Sentinel or Cluster.',
  },
  MASTERDOWN: { remedy: 'reconnect', message: 'This Redis is a replica that has lost its primary.' },
  MOVED: {
    remedy: 'configuration',
    message: 'This Redis belongs to a Cluster. Pass redisStore() a Cluster of ioredis instead of a Redis.',
  },
  ASK: {
    remedy: 'configuration',
    message: 'This Redis belongs to a Cluster. Pass redisStore() a Cluster of ioredis instead of a Redis.',
  },
  CROSSSLOT: {
    remedy: 'configuration',
    message: 'Redis saw keys of several slots in one command. Take braces out of the keyPrefix.',
  },
  CLUSTERDOWN: { remedy: 'retry', message: 'The Redis Cluster does not serve all slots at the moment.' },
  TRYAGAIN: { remedy: 'retry', message: 'The Redis Cluster is moving a slot at the moment.' },
  REDIRECTED: { remedy: 'retry', message: 'The Redis Cluster sent a command from node to node.' },
  LOADING: { remedy: 'retry', message: 'Redis is loading its data.' },
  BUSY: {
    remedy: 'retry',
    message:
      'A script that is not from Latchkey blocks Redis. SCRIPT KILL ends one that has written nothing.',
  },
  NOSCRIPT: { remedy: 'retry', message: 'Redis has forgotten its scripts.' },
  OOM: {
    remedy: 'configuration',
    message: 'Redis has reached its maxmemory and takes no more data. Give it more memory.',
  },
  MISCONF: {
    remedy: 'configuration',
    message:
      'Redis cannot save to disk and refuses writes. Its log says why: disk space, or rights of its folder.',
  },
  NOREPLICAS: {
    remedy: 'configuration',
    message: 'Redis refuses writes because fewer replicas than min-replicas-to-write are in step with it.',
  },
  NOAUTH: {
    remedy: 'configuration',
    message: 'Redis wants a password. Set it in the options of the client.',
  },
  WRONGPASS: {
    remedy: 'configuration',
    message: 'Redis refuses user name or password. Correct them in the options of the client.',
  },
  NOPERM: {
    remedy: 'configuration',
    message: 'The Redis user lacks a right. The README lists the commands and keys that its ACL must allow.',
    because: (command) => `it may not run ${command}`,
  },
  WRONGTYPE: {
    remedy: 'configuration',
    message: 'Another program writes keys that begin with `lk:`. Give the client a keyPrefix of its own.',
  },
  NODB: {
    remedy: 'configuration',
    message: 'Redis has no database of this number. Correct `db` in the options of the client, or its URL.',
  },
  NOCLUSTER: {
    remedy: 'configuration',
    message: 'This Redis is no Cluster. Pass redisStore() a Redis of ioredis instead of a Cluster.',
  },
  ERR: {
    remedy: 'configuration',
    message: 'Redis does not know a command, or takes no more clients. Latchkey needs Redis 7.0 or later.',
  },
  TLS: {
    remedy: 'configuration',
    message: 'TLS with Redis failed. Check the option tls of the client and the certificate of the server.',
  },
  DISCONNECTED: {
    remedy: 'reconnect',
    message: 'Redis cannot be reached.',
    because: (reason) => `${unreachable[reason] ?? 'the network fails'} (${reason})`,
  },
  TIMEOUT: {
    remedy: 'none',
    message: 'Redis did not answer in time. Whether it will do as asked is unknown.',
  },
  OVERLOADED: {
    remedy: 'none',
    message: 'Too many commands wait for Redis already, so this one was not sent.',
  },
  CLOSED: { remedy: 'none', message: 'The store was closed.' },
  UNEXPECTED: { remedy: 'none', message: 'Redis answered what Latchkey did not ask for.' },
  UNKNOWN: { remedy: 'none', message: 'Redis failed in a way that Latchkey does not know.' },
}

/** When an answer says to come again. */
const retryAfterSeconds = 5

/**
 * Why the store could not do its work. Made anew from a fixed text: the client's own errors hold the command's keys and
 * values.
 */
export class RedisError extends Error {
  readonly code: RedisErrorCode
  readonly remedy: Remedy
  /**
   * Of `DISCONNECTED`: what the network says, such as `ECONNREFUSED`, or `SILENT`, `NO_SENTINEL`, `NO_NODE`. Of `NOPERM`:
   * the command. Absent: not known.
   */
  declare readonly reason?: string
  readonly status: 503 = 503
  /** What is wrong with the operator's Redis is nothing for visitors. */
  readonly expose: false = false
  declare readonly headers: Readonly<Record<string, string>>
  constructor(code: RedisErrorCode, reason?: string) {
    const { remedy } = faults[code]
    super(messageOf(code, reason))
    this.name = `RedisError.${code}`
    this.code = code
    if (reason !== undefined) this.reason = reason
    this.remedy = remedy
    // Frameworks read it; whoever prints the error need not.
    const headers = { 'cache-control': 'no-store', 'retry-after': String(retryAfterSeconds) }
    Object.defineProperty(this, 'headers', { value: headers })
  }
}

/** True for the refusal of a write by a server that still reads. */
export function refusesWrites({ code }: RedisError): boolean {
  return code === 'READONLY' || code === 'MISCONF' || code === 'NOREPLICAS' || code === 'OOM'
}

/** Sorts in whatever the client threw or reported. */
export function redisError(error: unknown): RedisError {
  if (error instanceof RedisError) return error
  const cause = causeOf(error)
  const code = codeOf(cause)
  return new RedisError(code, reasonOf(code, cause))
}

function messageOf(code: RedisErrorCode, reason: string | undefined): string {
  const { message, because } = faults[code]
  if (reason === undefined || because === undefined) return message
  return message.replace('.', `: ${because(reason)}.`)
}

const disconnected =
  /^(Connection is closed|Stream isn't writeable|Cluster (isn't ready|is ended|is disconnect)|None of startup nodes|Socket timeout|Failed to refresh slots cache|Reached the max retries|Command aborted|All sentinels are unreachable|Redis is already connect)/
/** What Redis says, with the first word ERR, when the user may run a script but not a command in it. */
const scriptMayNot = /^ERR (The user executing the script can't|ACL failure in script)/
const mayNotRun = /run the '([a-z]{2,20}(?:\|[a-z-]{2,20})?)' command/
const noDatabase = /^ERR (DB index is out of range|invalid DB index)/
const noCluster = /^ERR This instance has cluster support disabled/
const networkCode = /^(E(CONN|HOST|NET|PIPE|TIMEDOUT|AI_)|ENOTFOUND)/

/** A Cluster client that reaches no node says so, and beside it what the last node said. */
function causeOf(error: unknown): unknown {
  const isOfNode = error instanceof Error && 'lastNodeError' in error && error.lastNodeError instanceof Error
  return isOfNode ? causeOf(error.lastNodeError) : error
}

function reasonOf(code: RedisErrorCode, error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined
  const { message } = error
  if (code === 'NOPERM') return mayNotRun.exec(message)?.[1]
  if (code !== 'DISCONNECTED') return undefined
  if (message.startsWith('Socket timeout')) return 'SILENT'
  if (message.startsWith('All sentinels are unreachable')) return 'NO_SENTINEL'
  if (message.startsWith('None of startup nodes')) return 'NO_NODE'
  const ofNetwork = 'code' in error ? String(error.code) : ''
  return networkCode.test(ofNetwork) ? ofNetwork : undefined
}

function codeOf(error: unknown): RedisErrorCode {
  if (!(error instanceof Error)) return 'UNKNOWN'
  const { message } = error
  if (message === 'Command timed out') return 'TIMEOUT'
  if (message.startsWith('Too many Cluster redirections')) return 'REDIRECTED'
  const [word = ''] = /^[A-Z]+(?= )/.exec(message) ?? []
  if (error.name === 'ReplyError') return codeOfReply(message, word)
  const code = 'code' in error ? String(error.code) : ''
  if (networkCode.test(code) || disconnected.test(message)) return 'DISCONNECTED'
  return /CERT|SSL|TLS|SIGNATURE/.test(code) ? 'TLS' : 'UNKNOWN'
}

function codeOfReply(message: string, word: string): RedisErrorCode {
  if (scriptMayNot.test(message)) return 'NOPERM'
  if (noDatabase.test(message)) return 'NODB'
  if (noCluster.test(message)) return 'NOCLUSTER'
  return isCode(word) ? word : 'ERR'
}

function isCode(word: string): word is RedisErrorCode {
  return Object.hasOwn(faults, word)
}
