#include "dwarf/go/lock_flow.h"

#include <string.h>

#include "base/cleanup.h"
#include "dwarf/go/lock_step.h"

enum {
	BLOCKS_MAX = 4096,
	VISITS_EACH = 12, /* of a block: each goes down a few steps only, in each of its values */
	VISITS_MORE = 256,
	TABLE_MAX = 1024, /* entries of a jump table */
};

/* A run of instructions that is entered at its first one only. */
struct block {
	uint32_t first, end;   /* instructions */
	struct lock_state *in; /* NULL: no path was found to it */
	bool queued;
	uint32_t next, jump;       /* blocks; NO_BLOCK */
	size_t table, table_count; /* in .targets: more of them */
};
#define NO_BLOCK UINT32_MAX

struct flow {
	const struct lock_code *code;
	struct lock_flow *ret;
	struct insns insns;
	uint32_t *insn_at;  /* offset -> 1 + index of the instruction that begins there */
	uint32_t *block_at; /* index of an instruction -> 1 + the block that begins with it */
	VEC(struct block) blocks;
	VEC(uint32_t) targets; /* of jump tables: instructions, then blocks */
	struct lock_stepper stepper;
	struct lock_state *state; /* room to work in */
	size_t visits;
};

static void flow_deinit(struct flow *f)
{
	for (size_t i = 0; i < f->blocks.len; i++)
		free(f->blocks.at[i].in);
	vec_free(&f->blocks);
	vec_free(&f->targets);
	vec_free(&f->insns.list);
	free(f->insn_at);
	free(f->block_at);
	free(f->state);
	lock_stepper_deinit(&f->stepper);
}

void lock_flow_deinit(struct lock_flow *flow)
{
	vec_free(&flow->sites);
	vec_free(&flow->found);
	vec_free(&flow->reached);
}

/* ---- blocks */

/* Index of the instruction at an address of the program; UINT32_MAX: there is none. */
static uint32_t insn_of(const struct flow *f, uint64_t addr)
{
	uint64_t off = addr - f->code->addr;
	return off < f->code->code.len && f->insn_at[off] ? f->insn_at[off] - 1 : UINT32_MAX;
}

static bool ends_block(const struct insn *in)
{
	switch ((enum insn_op)in->op) {
	case INSN_JUMP:
	case INSN_JUMP_IF:
	case INSN_JUMP_REG:
	case INSN_RETURN:
	case INSN_STOP:
		return true;
	default:
		return false;
	}
}

static void begin_block(struct flow *f, uint32_t insn)
{
	if (insn < f->insns.list.len)
		f->block_at[insn] = 1;
}

/* Where a jump table leads: as long as its entries lead into the function. */
static bool read_table(struct flow *f, const struct insn *in)
{
	for (unsigned i = 0; in->imm && i < TABLE_MAX; i++) {
		uint64_t addr;
		if (!f->code->word(f->code->ctx, (uint64_t)in->imm + i * sizeof(addr), &addr))
			break;
		uint32_t insn = insn_of(f, addr);
		if (insn == UINT32_MAX)
			break;
		begin_block(f, insn);
		if (!vec_push(&f->targets, insn))
			return false;
	}
	return true;
}

static bool mark_blocks(struct flow *f)
{
	begin_block(f, 0);
	for (uint32_t i = 0; i < f->insns.list.len; i++) {
		const struct insn *in = &f->insns.list.at[i];
		if (ends_block(in))
			begin_block(f, i + 1);
		if (in->op == INSN_JUMP || in->op == INSN_JUMP_IF)
			begin_block(f, insn_of(f, in->target));
	}
	return true;
}

static uint32_t block_of(const struct flow *f, uint32_t insn)
{
	return insn < f->insns.list.len && f->block_at[insn] ? f->block_at[insn] - 1 : NO_BLOCK;
}

static bool list_blocks(struct flow *f)
{
	for (uint32_t i = 0; i < f->insns.list.len; i++) {
		if (!f->block_at[i])
			continue;
		if (f->blocks.len && !f->blocks.at[f->blocks.len - 1].end)
			f->blocks.at[f->blocks.len - 1].end = i;
		f->block_at[i] = (uint32_t)f->blocks.len + 1;
		if (!vec_push(&f->blocks, ((struct block){.first = i})))
			return false;
	}
	if (f->blocks.len)
		f->blocks.at[f->blocks.len - 1].end = (uint32_t)f->insns.list.len;
	return true;
}

static void link_block(struct flow *f, struct block *block)
{
	const struct insn *last = &f->insns.list.at[block->end - 1];
	bool goes_on = last->op != INSN_JUMP && last->op != INSN_JUMP_REG &&
		       last->op != INSN_RETURN && last->op != INSN_STOP;
	block->next = goes_on ? block_of(f, block->end) : NO_BLOCK;
	block->jump = last->op == INSN_JUMP || last->op == INSN_JUMP_IF
			      ? block_of(f, insn_of(f, last->target))
			      : NO_BLOCK;
}

/* The tables were read in the order of their jumps. */
static enum gospy_code make_blocks(struct flow *f, struct gospy_error *err)
{
	VEC(size_t) ends = {0};
	bool ok = mark_blocks(f);
	for (uint32_t i = 0; ok && i < f->insns.list.len; i++) {
		if (f->insns.list.at[i].op == INSN_JUMP_REG)
			ok = read_table(f, &f->insns.list.at[i]) && vec_push(&ends, f->targets.len);
	}
	ok = ok && list_blocks(f);
	size_t table = 0, at = 0;
	for (size_t i = 0; ok && i < f->blocks.len; i++) {
		struct block *block = &f->blocks.at[i];
		link_block(f, block);
		if (f->insns.list.at[block->end - 1].op != INSN_JUMP_REG)
			continue;
		block->table = at;
		block->table_count = ends.at[table] - at;
		at = ends.at[table++];
	}
	vec_free(&ends);
	for (size_t i = 0; i < f->targets.len; i++)
		f->targets.at[i] = block_of(f, f->targets.at[i]);
	if (!ok)
		return err_nomem(err);
	return f->blocks.len > BLOCKS_MAX
		       ? err_set(err, GOSPY_E_LIMIT, "the function at 0x%llx has %zu blocks",
				 (unsigned long long)f->code->addr, f->blocks.len)
		       : GOSPY_OK;
}

/* ---- following */

/* Come to a block with this state. False: out of memory. */
static bool enter(struct flow *f, uint32_t number, const struct lock_state *state)
{
	if (number == NO_BLOCK)
		return true;
	struct block *block = &f->blocks.at[number];
	bool changed = !block->in;
	if (!block->in) {
		block->in = malloc(sizeof(*block->in));
		if (!block->in)
			return false;
		*block->in = *state;
	} else {
		changed = state_merge(block->in, state, &f->stepper.bases,
				      f->insns.list.at[block->first].off);
	}
	block->queued |= changed;
	return true;
}

/* Go through a block; returns whether its end is reached. */
static bool pass(struct flow *f, const struct block *block)
{
	*f->state = *block->in;
	for (uint32_t i = block->first; i < block->end; i++) {
		if (!lock_step(&f->stepper, f->state, &f->insns.list.at[i]))
			return false;
	}
	return true;
}

static bool leave(struct flow *f, const struct block *block)
{
	const struct insn *last = &f->insns.list.at[block->end - 1];
	bool ok = true;
	for (size_t i = 0; ok && i < block->table_count; i++)
		ok = enter(f, f->targets.at[block->table + i], f->state);
	if (last->op != INSN_JUMP_IF || last->condition == INSN_IF_OTHER || !f->state->flag.base)
		return ok && enter(f, block->jump, f->state) && enter(f, block->next, f->state);
	// Which of the two it is tells whether a lock was taken.
	bool equal = last->condition == INSN_IF_EQUAL;
	struct lock_state *other = malloc(sizeof(*other));
	if (!other)
		return false;
	*other = *f->state;
	lock_step_assume(&f->stepper, f->state, last, equal);
	lock_step_assume(&f->stepper, other, last, !equal);
	ok = ok && enter(f, block->jump, f->state) && enter(f, block->next, other);
	free(other);
	return ok;
}

static enum gospy_code follow(struct flow *f, struct gospy_error *err)
{
	size_t max = f->blocks.len * VISITS_EACH + VISITS_MORE;
	lock_step_begin(&f->stepper, f->state);
	if (!enter(f, 0, f->state))
		return err_nomem(err);
	for (bool again = true; again;) {
		again = false;
		for (size_t i = 0; i < f->blocks.len; i++) {
			struct block *block = &f->blocks.at[i];
			if (!block->queued)
				continue;
			block->queued = false;
			again = true;
			if (f->visits++ > max)
				return err_set(err, GOSPY_E_LIMIT,
					       "the code at 0x%llx comes to no end",
					       (unsigned long long)f->code->addr);
			if (pass(f, block) && !leave(f, block))
				return err_nomem(err);
		}
	}
	return GOSPY_OK;
}

static void forget(struct flow *f)
{
	for (size_t i = 0; i < f->blocks.len; i++) {
		free(f->blocks.at[i].in);
		f->blocks.at[i].in = NULL;
		f->blocks.at[i].queued = false;
	}
	f->visits = 0;
}

/* What was found out, at each call. */
static enum gospy_code tell(struct flow *f, struct gospy_error *err)
{
	f->stepper.ret = f->ret;
	for (size_t i = 0; i < f->blocks.len; i++) {
		if (f->blocks.at[i].in)
			pass(f, &f->blocks.at[i]);
	}
	return f->stepper.out_of_memory ? err_nomem(err) : GOSPY_OK;
}

static enum gospy_code prepare(struct flow *f, struct gospy_error *err)
{
	enum gospy_code code = insns_decode(f->code->code, f->code->addr, &f->insns, err);
	if (code)
		return code;
	size_t n = f->insns.list.len;
	f->ret->insns = n;
	f->insn_at = calloc(f->code->code.len + 1, sizeof(*f->insn_at));
	f->block_at = calloc(n + 1, sizeof(*f->block_at));
	f->state = calloc(1, sizeof(*f->state));
	if (!f->insn_at || !f->block_at || !f->state)
		return err_nomem(err);
	for (size_t i = 0; i < n; i++)
		f->insn_at[f->insns.list.at[i].off] = (uint32_t)i + 1;
	return GOSPY_OK;
}

enum gospy_code lock_flow_read(const struct lock_code *code, struct lock_flow *ret,
			       struct gospy_error *err)
{
	CLEANUP(flow_deinit) struct flow f = {.code = code, .ret = ret};
	lock_flow_deinit(ret);
	*ret = (struct lock_flow){0};
	enum gospy_code status = prepare(&f, err);
	if (status)
		return status;
	ret->plain = !lock_stepper_init(&f.stepper, code, &f.insns);
	if (ret->plain)
		return f.stepper.out_of_memory ? err_nomem(err) : GOSPY_OK;
	status = make_blocks(&f, err);
	if (!status)
		status = follow(&f, err);
	// Now it is known which slots others may write to, since their address is taken.
	if (!status && f.stepper.exposed.len) {
		forget(&f);
		status = follow(&f, err);
	}
	return status ? status : tell(&f, err);
}

/* ---- answers */

const struct lock_site *lock_flow_site(const struct lock_flow *flow, uint32_t off, bool exact)
{
	for (size_t i = 0; i < flow->sites.len; i++) {
		if (flow->sites.at[i].off == off && flow->sites.at[i].exact == exact)
			return &flow->sites.at[i];
	}
	return NULL;
}

bool lock_flow_reached(const struct lock_flow *flow, uint32_t off)
{
	if (flow->plain)
		return true;
	for (size_t i = 0; i < flow->reached.len; i++) {
		if (flow->reached.at[i] == off)
			return true;
	}
	return false;
}
