#include "dwarf/go/stack_map.h"

#include <string.h>

#include "base/cursor.h"

enum {
	WORD = 8,
	/* src/internal/abi/funcdata.go, before Go 1.21 runtime/funcdata.h: the same since 1.12. */
	FUNCDATA_ARGS = 0,
	FUNCDATA_LOCALS = 1,
	/* runtime._type up to Go 1.16. */
	TYPE_SIZE = 0,
	TYPE_PTR_BYTES = 8,
	TYPE_KIND = 23,
	TYPE_GCDATA = 32,
	TYPE_LEN = 40,
	KIND_GC_PROG = 1 << 6,
};

/* By the first Go minor version that has it: indexes, and the shape of runtime.stackObjectRecord.
 */
static const struct map_shape {
	int minor;
	uint8_t pcdata;  /* PCDATA_StackMapIndex */
	uint8_t objects; /* FUNCDATA_StackObjects */
	uint8_t record;  /* bytes of a record */
	enum { BY_TYPE, BY_POINTER, BY_OFFSET } by;
} shapes[] = {
	{18, 1, 2, 16, BY_OFFSET}, {17, 1, 2, 24, BY_POINTER}, {16, 1, 2, 16, BY_TYPE},
	{13, 1, 3, 16, BY_TYPE},   {12, 0, 4, 16, BY_TYPE},
};

static const struct map_shape *shape_of(int minor)
{
	const struct map_shape *shape = shapes;
	while (shape->minor > minor && shape < shapes + sizeof(shapes) / sizeof(*shape) - 1)
		shape++;
	return shape;
}

/* Bytes that may be in another module than the function is: a type, its mask. */
static const uint8_t *bytes_at(const struct pcln_func *func, uint64_t addr, uint64_t len)
{
	struct pclntab *own = func->table;
	const uint8_t *bytes = paged_at_addr(own->image, addr, len);
	for (struct pclntab *next = own->next; !bytes && next; next = next->next)
		bytes = paged_at_addr(next->image, addr, len);
	return bytes;
}

/* runtime.stackmap{n, nbit int32; bytedata [..]byte}: number `index` of its n maps, each of which
 * begins with a byte of its own. `*words_ret` stays as it is where there is none. False: it makes
 * no sense. */
static bool read_bits(const struct pcln_func *func, uint64_t map, int32_t index,
		      const uint8_t **bits_ret, uint32_t *words_ret)
{
	enum { HEAD = 8 };
	const uint8_t *head = bytes_at(func, map, HEAD);
	if (!head)
		return false;
	struct cursor c = cursor_at((struct span){head, HEAD}, 0);
	uint32_t n = cursor_u32(&c), words = cursor_u32(&c);
	if (!words)
		return true;
	if (n > INT32_MAX || words > STACK_MAP_WORDS_MAX || (uint32_t)index >= n)
		return false;
	uint64_t len = (words + 7) / 8;
	const uint8_t *bits = bytes_at(func, map + HEAD + (uint64_t)index * len, len);
	if (!bits)
		return false;
	*bits_ret = bits;
	*words_ret = words;
	return true;
}

/* Set what its `ptr_bytes` and the mask at `gcdata` say. */
static bool set_mask(const struct pcln_func *func, struct stack_object *object, uint64_t ptr_bytes,
		     uint64_t gcdata, bool program)
{
	if (object->size > STACK_MAP_WORDS_MAX * (uint64_t)WORD || ptr_bytes > object->size)
		return false;
	object->words = ptr_bytes / WORD;
	if (program || !object->words)
		return true;
	object->mask = bytes_at(func, gcdata, (object->words + 7) / 8);
	return object->mask;
}

static bool read_by_type(const struct pcln_func *func, struct cursor *c,
			 struct stack_object *object)
{
	object->off = (int64_t)cursor_u64(c);
	const uint8_t *type = bytes_at(func, cursor_u64(c), TYPE_LEN);
	if (!type)
		return false;
	uint64_t ptr_bytes, gcdata;
	memcpy(&object->size, type + TYPE_SIZE, sizeof(object->size));
	memcpy(&ptr_bytes, type + TYPE_PTR_BYTES, sizeof(ptr_bytes));
	memcpy(&gcdata, type + TYPE_GCDATA, sizeof(gcdata));
	return set_mask(func, object, ptr_bytes, gcdata, type[TYPE_KIND] & KIND_GC_PROG);
}

static bool read_record(const struct pcln_func *func, const struct map_shape *shape,
			const uint8_t *record, struct stack_object *object)
{
	struct cursor c = cursor_at((struct span){record, shape->record}, 0);
	if (shape->by == BY_TYPE)
		return read_by_type(func, &c, object);
	object->off = (int32_t)cursor_u32(&c);
	object->size = cursor_u32(&c);
	int64_t ptr_bytes = (int32_t)cursor_u32(&c);
	bool program = ptr_bytes < 0; // up to Go 1.23
	uint64_t gcdata;
	if (shape->by == BY_POINTER) {
		cursor_u32(&c);
		gcdata = cursor_u64(&c);
	} else {
		gcdata = func->table->md.rodata + cursor_u32(&c);
	}
	return set_mask(func, object, (uint64_t)(program ? -ptr_bytes : ptr_bytes), gcdata,
			program);
}

/* The runtime wants them in this order, too: runtime/mgcstack.go:addObject. */
static bool is_behind(const struct stack_object *object, const struct stack_object *last)
{
	bool arg = object->off >= 0, last_arg = last->off >= 0;
	return arg == last_arg ? object->off - last->off >= (int64_t)last->size : arg;
}

/* False: out of memory. */
static bool read_objects(const struct pcln_func *func, const struct map_shape *shape,
			 struct arena *arena, struct stack_map *map)
{
	uint64_t list = pcln_funcdata(func, shape->objects);
	const uint8_t *count = list ? bytes_at(func, list, WORD) : NULL;
	uint64_t n = 0;
	map->any |= list && !count;
	if (count)
		memcpy(&n, count, sizeof(n));
	if (!n)
		return true;
	const uint8_t *records =
		n <= STACK_MAP_OBJECTS_MAX ? bytes_at(func, list + WORD, n * shape->record) : NULL;
	if (!records) {
		map->any = true;
		return true;
	}
	struct stack_object *objects = arena_calloc(arena, n, sizeof(*objects));
	if (!objects)
		return false;
	for (uint64_t i = 0; i < n && !map->any; i++) {
		map->any = !read_record(func, shape, records + i * shape->record, &objects[i]) ||
			   (i && !is_behind(&objects[i], &objects[i - 1]));
	}
	map->objects = objects;
	map->object_count = n;
	return true;
}

static bool read_maps(const struct pcln_func *func, const struct map_shape *shape, uint64_t pc,
		      struct stack_map *map)
{
	uint64_t locals = pcln_funcdata(func, FUNCDATA_LOCALS);
	uint64_t args = pcln_funcdata(func, FUNCDATA_ARGS);
	// The map is that of the call. At the entry, and where there is none, it is the first.
	int32_t index = pc == func->entry ? -1 : pcln_pcdata(func, shape->pcdata, pc - 1);
	if (index == -1)
		index = 0;
	map->no_locals = !locals;
	if (locals && !read_bits(func, locals, index, &map->locals, &map->local_words))
		return false;
	if (!map->arg_bytes)
		return true;
	return args && read_bits(func, args, index, &map->args, &map->arg_words);
}

bool stack_map_resolve(struct pclntab *pcln, struct arena *arena, uint64_t pc,
		       struct stack_map *ret)
{
	struct pcln_func func;
	*ret = (struct stack_map){.any = true, .args_unknown = true};
	if (!pcln_find_func(pcln, pc, &func))
		return true;
	const struct map_shape *shape = shape_of(func.table->minor);
	struct stack_map map = {0};
	// What arguments reflect's stubs have depends on who is called: argMapInternal.
	map.args_unknown = func.args < 0;
	map.arg_bytes = map.args_unknown ? 0 : (uint32_t)func.args;
	map.any = map.args_unknown || !read_maps(&func, shape, pc, &map);
	if (!map.any && !read_objects(&func, shape, arena, &map))
		return false;
	*ret = map;
	if (map.any)
		*ret = (struct stack_map){
			.any = true, .args_unknown = map.args_unknown, .arg_bytes = map.arg_bytes};
	return true;
}
