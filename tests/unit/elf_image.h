/* Hand-made ELF files for tests: add bytes, say which segments and sections they are, finish. */
#ifndef GOSPY_TESTS_ELF_IMAGE_H
#define GOSPY_TESTS_ELF_IMAGE_H

#include <assert.h>
#include <elf.h>
#include <string.h>

#include "base/span.h"

struct elf_image {
	uint8_t bytes[32 << 10];
	size_t len;
	Elf64_Ehdr eh; /* change what you like before elf_image_finish */
	Elf64_Phdr phdrs[4];
	Elf64_Shdr shdrs[16]; /* the first stays empty, the last becomes .shstrtab */
	size_t phnum, shnum;
	char names[256];
	size_t names_len;
};

static inline void elf_image_init(struct elf_image *image, uint16_t type)
{
	*image = (struct elf_image){
		.len = sizeof(Elf64_Ehdr),
		.eh = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
		       .e_type = type,
		       .e_machine = EM_X86_64,
		       .e_version = EV_CURRENT,
		       .e_entry = 0x401000,
		       .e_ehsize = sizeof(Elf64_Ehdr),
		       .e_phentsize = sizeof(Elf64_Phdr),
		       .e_shentsize = sizeof(Elf64_Shdr)},
		.shnum = 1,
		.names_len = 1,
	};
}

/* Append bytes, 16-aligned; their file offset. */
static inline uint64_t elf_image_add(struct elf_image *image, const void *data, size_t len)
{
	size_t off = (image->len + 15) & ~(size_t)15;
	assert(off + len <= sizeof(image->bytes));
	if (len)
		memcpy(image->bytes + off, data, len);
	image->len = off + len;
	return off;
}

static inline Elf64_Phdr *elf_image_segment(struct elf_image *image, uint32_t type, uint32_t flags,
					    uint64_t vaddr, uint64_t off, uint64_t len)
{
	Elf64_Phdr *ph = &image->phdrs[image->phnum++];
	*ph = (Elf64_Phdr){.p_type = type,
			   .p_flags = flags,
			   .p_offset = off,
			   .p_vaddr = vaddr,
			   .p_filesz = len,
			   .p_memsz = len,
			   .p_align = 4};
	return ph;
}

static inline Elf64_Shdr *elf_image_section_at(struct elf_image *image, const char *name,
					       uint32_t type, uint64_t off, uint64_t len)
{
	Elf64_Shdr *sh = &image->shdrs[image->shnum++];
	*sh = (Elf64_Shdr){.sh_name = (uint32_t)image->names_len,
			   .sh_type = type,
			   .sh_offset = off,
			   .sh_size = len};
	size_t size = strlen(name) + 1;
	assert(image->names_len + size <= sizeof(image->names));
	memcpy(image->names + image->names_len, name, size);
	image->names_len += size;
	return sh;
}

static inline Elf64_Shdr *elf_image_section(struct elf_image *image, const char *name,
					    uint32_t type, const void *data, size_t len)
{
	return elf_image_section_at(image, name, type, elf_image_add(image, data, len), len);
}

static inline struct span elf_image_finish(struct elf_image *image)
{
	Elf64_Ehdr *eh = &image->eh;
	size_t index = image->shnum;
	Elf64_Shdr *strtab = elf_image_section_at(image, ".shstrtab", SHT_STRTAB, 0, 0);
	strtab->sh_offset = elf_image_add(image, image->names, image->names_len);
	strtab->sh_size = image->names_len;
	eh->e_shstrndx = (uint16_t)index;
	eh->e_phnum = (uint16_t)image->phnum;
	eh->e_shnum = (uint16_t)image->shnum;
	eh->e_phoff = elf_image_add(image, image->phdrs, image->phnum * sizeof(Elf64_Phdr));
	eh->e_shoff = elf_image_add(image, image->shdrs, image->shnum * sizeof(Elf64_Shdr));
	memcpy(image->bytes, eh, sizeof(*eh));
	return (struct span){image->bytes, image->len};
}

#endif
