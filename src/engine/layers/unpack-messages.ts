/**
 * What the engine and its unpacking threads say to each other. PURE. Errors cross as plain data, as a structured clone
 * would forget their class, code and hint.
 */
import type { MessagePort } from 'node:worker_threads'
import type { UnpackTask, Unpacked } from './unpack.ts'
import {
  CanceledError,
  ConflictError,
  InvalidRequestError,
  KernelError,
  MycomposeError,
  NotFoundError,
  UnsupportedError,
} from '../../errors.ts'

/** What is only read, and needs no bytes from us. */
export type DigestTask =
  /** The diff id of a layer's folder (repack.ts). */
  | { readonly kind: 'folder'; readonly path: string; readonly newestMtimeNs: bigint }
  /** The first `sizeBytes` of an open file, which nobody else reads meanwhile. */
  | { readonly kind: 'file'; readonly fd: number; readonly sizeBytes: number }

export interface Digested {
  /** "sha256:<hex>" */
  readonly digest: string
  /** How many bytes it is of: of a folder those of its tar, of a file those that were there. */
  readonly sizeBytes: number
}

/** One task at a time: `digest`, or `begin`, chunks, `end`; a `cancel` may come at any time, also after the answer. */
export type ToThread =
  | {
      readonly kind: 'begin'
      readonly id: number
      readonly task: UnpackTask
      /** Looked at while the thread is busy (SIGNALS). */
      readonly signals: Int32Array<SharedArrayBuffer>
      /** Brings the folders of the layers below: string[], uppermost first. */
      readonly below: MessagePort
    }
  | { readonly kind: 'chunk'; readonly id: number; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: 'end'; readonly id: number }
  | {
      readonly kind: 'digest'
      readonly id: number
      readonly task: DigestTask
      readonly signals: Int32Array<SharedArrayBuffer>
    }
  | { readonly kind: 'cancel'; readonly id: number }

/** Places in `signals`; each goes from 0 to 1 once. */
export const SIGNALS = { belowIsKnown: 0, isCanceled: 1 } as const

export type FromThread =
  /** Of the source's bytes so many more have been taken; of the plain tar there are `plainBytes` so far. */
  | { readonly kind: 'taken'; readonly id: number; readonly bytes: number; readonly plainBytes: number }
  | { readonly kind: 'done'; readonly id: number; readonly unpacked: Unpacked }
  | { readonly kind: 'digested'; readonly id: number; readonly digested: Digested }
  | { readonly kind: 'failed'; readonly id: number; readonly error: WireError }

const CLASSES = { CanceledError, ConflictError, InvalidRequestError, MycomposeError, NotFoundError, UnsupportedError }

export interface WireError {
  readonly name: string
  readonly message: string
  readonly stack: string | undefined
  /** `code`, `hint`, `errno`, `path` and the like, as far as they are there. */
  readonly fields: Readonly<Record<string, unknown>>
  readonly cause: WireError | undefined
}

const FIELDS = ['code', 'hint', 'exitCode', 'errno', 'path', 'syscall'] as const

export function toWire(error: unknown): WireError {
  if (!(error instanceof Error))
    return { name: 'Error', message: String(error), stack: undefined, fields: {}, cause: undefined }
  const { name, message, stack, cause } = error
  const all = error as unknown as Readonly<Record<string, unknown>>
  const fields = Object.fromEntries(FIELDS.flatMap((key) => (all[key] === undefined ? [] : [[key, all[key]]])))
  return { name, message, stack, fields, cause: cause === undefined ? undefined : toWire(cause) }
}

/** Of the class that it had; an error of Node or of ours that is no MycomposeError keeps its code and its stack. */
export function fromWire({ name, message, stack, fields, cause }: WireError): Error {
  const below = cause === undefined ? {} : { cause: fromWire(cause) }
  const code = String(fields['code'])
  const hint = fields['hint'] as string | undefined
  if (name === 'KernelError')
    return new KernelError(message, {
      code,
      hint,
      errno: String(fields['errno']),
      path: fields['path'] as string | undefined,
      ...below,
    })
  if (Object.hasOwn(CLASSES, name))
    return new CLASSES[name as keyof typeof CLASSES](message, {
      code,
      hint,
      exitCode: Number(fields['exitCode']),
      ...below,
    })
  const error = Object.assign(new Error(message, below), fields)
  if (stack !== undefined) error.stack = stack
  return error
}
