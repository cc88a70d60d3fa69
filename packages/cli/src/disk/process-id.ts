import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'
import { numberIn, objectIn, optional, textIn } from './parsed.ts'

/** Names one process of one start of one machine, so that nobody takes another one with the same pid for it. */
export interface ProcessId {
  readonly pid: number
  /** When it began, in the kernel's own count. Absent where the system does not say. */
  readonly startedAt?: string
  /** The machine, and where the system says so its current start. */
  readonly machine: string
}

/** This process. */
export const thisProcess: ProcessId = {
  pid: process.pid,
  ...startOf(process.pid),
  machine: machineNow(),
}

/** A process that was written down. Throws for anything else. */
export function processIdIn(value: unknown): ProcessId {
  const { pid, startedAt, machine } = objectIn(value)
  const began = optional(startedAt, textIn)
  return { pid: numberIn(pid), machine: textIn(machine), ...(began !== undefined && { startedAt: began }) }
}

/** True when a process has surely ended. False also where nobody can tell: it may live on another machine. */
export function isSurelyGone({ pid, startedAt, machine }: ProcessId): boolean {
  if (machine !== thisProcess.machine)
    return isSameHost(machine) && bootOf(machine) !== bootOf(thisProcess.machine)
  if (!isRunning(pid)) return true
  const now = startOf(pid).startedAt
  return startedAt !== undefined && now !== undefined && now !== startedAt
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // Somebody else's process is running, too.
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** Field 22 of `/proc/<pid>/stat`; the name of the program in field 2 may hold anything. */
function startOf(pid: number): { readonly startedAt?: string } {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const startedAt = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
    return startedAt === undefined ? {} : { startedAt }
  } catch {
    return {}
  }
}

/** With the namespace of its pids: two containers of one machine count them apart. */
function machineNow(): string {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    return `${hostname()} ${boot} ${readlinkSync('/proc/self/ns/pid')}`
  } catch {
    return hostname()
  }
}

function isSameHost(machine: string): boolean {
  return machine.split(' ')[0] === thisProcess.machine.split(' ')[0] && bootOf(machine) !== undefined
}

function bootOf(machine: string): string | undefined {
  return machine.split(' ')[1]
}
